import type { Plugin } from "../framework/resource";
import { localCommand } from "./local";
import { remoteCommand } from "./remote";

/** Stand-in for the official command provider: commands here and over SSH. */
export const plugin: Plugin = {
  name: "command",
  version: "1.2.1",
  resources: { "command:local:Command": localCommand, "command:remote:Command": remoteCommand },
  functions: {},
  configure: () => undefined,
};
