import * as pulumi from "@pulumi/pulumi";
import { ConfigError } from "./problem";

/**
 * Runs the program; whoever made a mistake reads what to do about it, without a stack trace.
 * The engine prints a RunError's message as it is; any other error with its stack, which is right for a bug.
 */
export async function withPlainErrors<T>(program: () => Promise<T>): Promise<T> {
  try {
    return await program();
  } catch (error) {
    throw inspectable(error instanceof ConfigError ? new pulumi.RunError(error.message) : error);
  }
}

/**
 * Pulumi has util.inspect colour every error's stack, also where it prints the message alone. On a frame such as
 * `node_modules/@pulumi/resource.ts` Node 20 never finds the end of the package's name, and gives up when the text is
 * 512 MB long, after 25 s (seen with Node 20.20.2). Those frames are Pulumi's own, and no help.
 */
function inspectable(error: unknown): unknown {
  if (error instanceof Error && error.stack !== undefined)
    error.stack = error.stack
      .split("\n")
      .filter((line) => !/^\s+at .*node_modules[/\\]@pulumi[/\\]/.test(line))
      .join("\n");
  return error;
}
