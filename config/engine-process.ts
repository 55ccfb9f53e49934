import * as pulumi from "@pulumi/pulumi";

const EVERY_MS = 1000;
/** The language host then adds nothing of its own. */
const EXIT_ALREADY_TOLD = 32;

let isToldWhy = false;

/** The run fails with an error that the engine prints: that the program ended early is no news then. */
export function toldWhy(): void {
  isToldWhy = true;
}

/**
 * Ends this process when the one that started it is gone: the engine's language host. Without an engine a program waits for
 * answers that never come, with all of its memory.
 */
export function endWithEngine(): void {
  const host = process.ppid;
  setInterval(() => {
    // An orphan is given to another parent.
    if (process.ppid !== host) process.exit(1);
  }, EVERY_MS).unref();
}

/**
 * Fails the run if this process ends before the stack's outputs are known, which includes the check of the gateway. Pulumi's
 * SDK ends the program with code 0 when it loses its connection to the engine, as on a machine that is out of processor time;
 * the engine then takes the run for a success.
 *
 * @returns takes the outputs, once there are some
 */
export function failUnlessFinished(): (outputs: Record<string, pulumi.Input<unknown>>) => void {
  let isFinished = pulumi.runtime.isDryRun();
  process.on("exit", (code) => {
    if (code !== 0 || isFinished) return;
    if (isToldWhy) return void (process.exitCode = EXIT_ALREADY_TOLD);
    process.stderr.write(
      "The program ended before it had checked the gateway, probably because it lost its connection to the engine.\n" +
        "  Run pulumi up again.\n",
    );
    process.exitCode = 1;
  });
  return (outputs) => void pulumi.all(outputs).apply(() => (isFinished = true));
}
