// Starts one of the stand-in provider plugins: `node start.js NAME ENGINE_ADDRESS`.
const path = require("node:path");

const project = path.resolve(__dirname, "../../..");
process.env.TS_NODE_PROJECT = path.join(project, "tsconfig.json");
process.env.TS_NODE_TRANSPILE_ONLY = "true";
require("ts-node/register/transpile-only");

const [name, ...args] = process.argv.slice(2);
const { servePlugin } = require("../framework/plugin");
const { plugin } = require(`../${name}/provider`);
servePlugin(plugin, args);
