import type { Stack } from "@pulumi/pulumi/automation";
import { CommandError, EXIT } from "../../lib/output";
import { holdersIn, holdingOf, type Holder } from "./lock";

export interface FreeOptions {
  /** Whoever started the engine that holds the lock is dead. */
  orphaned: boolean;
  say: (text: string) => void;
  /** How long an engine that nobody waits for is given to end, milliseconds. @default 60000 */
  patienceMs?: number;
}

/**
 * Takes away the lock of an engine that is proven dead. One that lives and that nobody waits for any more is asked to stop
 * first.
 *
 * @param words what the engine said that was refused
 * @returns whether there was a lock
 * @throws CommandError where somebody may be at work
 */
export async function free(stack: Stack, words: string, options: FreeOptions): Promise<boolean> {
  const holders = holdersIn(words);
  if (holders === undefined) return false;
  for (const holder of holders) if (holdingOf(holder) === "at work" && options.orphaned) await stop(holder, options);
  const busy = holders.find((holder) => holdingOf(holder) !== "dead");
  if (holders.length === 0 || busy !== undefined) throw atWork(stack.name, busy);
  options.say(`a run of pulumi was killed (pid ${holders.map(({ pid }) => pid).join(", ")}): its lock is taken away`);
  await stack.cancel();
  return true;
}

/** As Ctrl-C does; twice, and then for good. */
async function stop(holder: Holder, { say, patienceMs = 60_000 }: FreeOptions): Promise<void> {
  say(`an engine is left of a run that was killed (pid ${holder.pid}): it is asked to stop`);
  for (const signal of ["SIGINT", "SIGINT", "SIGKILL"] as const) {
    const deadline = Date.now() + patienceMs / 2;
    try {
      process.kill(holder.pid, signal);
    } catch {
      return;
    }
    while (holdingOf(holder) === "at work" && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 100));
    if (holdingOf(holder) !== "at work") return;
  }
}

function atWork(stack: string, holder: Holder | undefined): CommandError {
  const who = holder === undefined ? "another run" : `another run (pid ${holder.pid} on ${holder.host})`;
  return new CommandError(
    `${who} works on ${stack}, and nothing was done.\n` +
      `  Try again when it is over. If it was killed, on another machine: pulumi cancel --yes --stack ${stack}`,
    EXIT.refused,
  );
}
