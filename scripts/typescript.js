// Lets node run TypeScript: every program of hermes starts with it. It compiles and checks no types; `npm run check` does.
// Without its cache: that lies in the machine's temporary folder, where another user could have put code of theirs.
process.env.TSX_DISABLE_CACHE = "1";
require("tsx/cjs");
