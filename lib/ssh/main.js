// Runs main.ts where only node is at hand (Pulumi's local commands).
require("../../scripts/typescript.js");
require("./main.ts");
