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
    if (error instanceof ConfigError) throw new pulumi.RunError(error.message);
    throw error;
  }
}
