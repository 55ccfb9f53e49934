// Runs main.ts where only node is at hand (Pulumi's local commands).
require("ts-node").register({ transpileOnly: true, cwd: `${__dirname}/..` });
require("./main.ts");
