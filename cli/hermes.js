#!/usr/bin/env node
// The commands are TypeScript; nothing is compiled ahead, so that what you read is what runs.
require("ts-node").register({ transpileOnly: true, cwd: `${__dirname}/..` });
require("./main.ts");
