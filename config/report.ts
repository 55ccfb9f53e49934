import * as pulumi from "@pulumi/pulumi";
import { ConfigError } from "./problem";

/** Exit status of a program that has told the user what is wrong; the engine then adds nothing of its own. */
const TOLD = 32;

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

/**
 * Tells the user what went wrong and ends the program as failed, from places where a throw cannot get out cleanly.
 * Registrations under way are cut off: for checks after everything else is done.
 */
export async function reportAndExit(message: string): Promise<never> {
  await pulumi.log.error(message);
  process.exit(TOLD);
}
