// Starts one of the stand-in provider plugins: `node start.js NAME ENGINE_ADDRESS`.
require("../../../scripts/typescript.js");

const [name, ...args] = process.argv.slice(2);
const { servePlugin } = require("../framework/plugin");
const { plugin } = require(`../${name}/provider`);
servePlugin(plugin, args);
