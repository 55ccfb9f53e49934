/** A command failed for a reason that its user gets to read. */
export class CliError extends Error {}

export type Level = "info" | "warn" | "error";

/** One line of JSON as OpenClaw logs it: errors on standard error, all else on standard output. */
export function log(level: Level, message: string, subsystem?: string): void {
  const time = new Date().toISOString().replace("Z", "+00:00");
  const line = JSON.stringify({ time, level, ...(subsystem === undefined ? {} : { subsystem }), message });
  (level === "error" ? process.stderr : process.stdout).write(`${line}\n`);
}

export const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);

/** @param json - the command was asked for a document */
export function reportFailure(error: Error, json: boolean): void {
  if (json) printJson({ ok: false, error: { type: "cli_error", message: error.message } });
  log("error", "[openclaw] The CLI command failed.");
  log("error", `[openclaw] Reason: ${error instanceof CliError ? error.message : (error.stack ?? error.message)}`);
}
