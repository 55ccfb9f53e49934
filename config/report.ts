import * as pulumi from "@pulumi/pulumi";
import { toldWhy } from "./engine-process";
import { ConfigError } from "./problem";
import { UnreadableYaml } from "./yaml-file";

/**
 * Runs the program; whoever made a mistake reads what to do about it, without a stack trace.
 * The engine prints a RunError's message as it is; any other error with its stack, which is right for a bug.
 */
export async function withPlainErrors<T>(program: () => Promise<T>): Promise<T> {
  try {
    return await program();
  } catch (error) {
    toldWhy();
    const isInput = error instanceof ConfigError || error instanceof UnreadableYaml;
    throw isInput ? plainError(error.message) : inspectable(error);
  }
}

/**
 * The engine takes `<{%…%}>` in a message for a colour of its own, and panics at one that it does not know. Text from a
 * droplet may hold whatever an MCP server printed.
 */
export const inert = (text: string): string => text.replaceAll("<{%", "<{ %");

/** For what is found out while resources are made: the engine prints the message alone, and soon. */
export function plainError(message: string): pulumi.RunError {
  toldWhy();
  return inspectable(new pulumi.RunError(inert(message)));
}

/**
 * Ends the program, for good, from within an Output. One that merely failed would be told with the name of every input on
 * its way ("error serializing property …").
 */
export function endProgram(message: string): Promise<never> {
  setImmediate(() => {
    throw plainError(message);
  });
  return new Promise(() => undefined);
}

/**
 * Pulumi has util.inspect colour every error's stack, also where it prints the message alone. On a frame such as
 * `node_modules/@pulumi/resource.ts` Node 20 never finds the end of the package's name, and gives up when the text is
 * 512 MB long, after 25 s (seen with Node 20.20.2). Those frames are Pulumi's own, and no help.
 */
function inspectable<T>(error: T): T {
  if (error instanceof Error && error.stack !== undefined)
    error.stack = error.stack
      .split("\n")
      .filter((line) => !/^\s+at .*node_modules[/\\]@pulumi[/\\]/.test(line))
      .join("\n");
  return error;
}
