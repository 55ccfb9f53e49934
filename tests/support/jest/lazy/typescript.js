module.exports = require("../lazy")(() => require("../../../../node_modules/typescript"));
