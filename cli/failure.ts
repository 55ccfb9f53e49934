import { CommanderError } from "commander";
import { ConfigError } from "../config";
import { UnreadableYaml } from "../config/yaml-file";
import { CommandError, EXIT } from "../lib/output";

/** What a command ended with that is not a bug: a message for people, and the exit code. Undefined for a bug. */
export function failureOf(error: unknown): Pick<CommandError, "message" | "code"> | undefined {
  if (error instanceof CommandError) return error;
  if (error instanceof CommanderError)
    return { message: error.message, code: error.exitCode === 0 ? EXIT.ok : EXIT.usage };
  const isInput = error instanceof ConfigError || error instanceof UnreadableYaml;
  return isInput ? { message: error.message, code: EXIT.input } : undefined;
}
