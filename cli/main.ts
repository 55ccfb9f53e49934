import { CommanderError } from "commander";
import { EXIT } from "../lib/output";
import { failureOf } from "./failure";
import { program } from "./program";

async function main(): Promise<void> {
  // A reader that has seen enough (`| head -1`), or a terminal that was closed, takes no more words; that ends nothing.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  try {
    await program().parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The user's mistakes and the cloud's failures get a message; only our own bugs a stack. */
function report(error: unknown): number {
  const failure = failureOf(error);
  if (failure === undefined) {
    process.stderr.write(`hermes: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.cloud;
  }
  if (failure.code === EXIT.ok) return failure.code;
  // Commander has printed its own message already.
  if (!(error instanceof CommanderError)) process.stderr.write(`hermes: ${failure.message}\n`);
  // A program that reads the JSON document finds the reason in it.
  if (wantsJson(process.argv)) process.stdout.write(`${JSON.stringify({ ok: false, error: failure.message })}\n`);
  return failure.code;
}

/** What stands after `--` belongs to another program. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(2, end === -1 ? undefined : end).includes("--json");
}

void main();
