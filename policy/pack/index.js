// The rules are TypeScript; nothing is compiled ahead, so that what you read is what runs.
require("../../scripts/typescript.js");
require("./pack.ts");
