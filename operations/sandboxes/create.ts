import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError, EXIT } from "../../lib/output";
import { stackOutputs, type StackOutputs } from "../stack/reach";
import { refuseWrongFileThere } from "./check";
import { inProgram } from "./checkout";
import { orderOf, parallelOf, type CreateOptions, type Order, type Plan } from "./order";
import { takeLease } from "./outside";
import { settleAll, type Settled } from "./parallel";
import { ownSecrets } from "./secrets";
import { beginPhase, createSandbox, removeSandbox, upSandbox } from "./stack";

/** A sandbox that came up. */
export interface Created {
  name: string;
  stack: string;
  expires: string;
  outputs: StackOutputs;
  /** From its first call to the agent's answer. */
  seconds: number;
}

export interface CreateContext {
  /** @param name of the sandbox that it is about; absent: of all */
  say: (text: string, name?: string) => void;
  signal: AbortSignal;
}

/** Everything that can be refused is, before anything is made. @throws CommandError */
export async function createSandboxes(
  said: string[],
  options: CreateOptions,
  telling: CreateContext,
): Promise<{ name: string; result: Settled<Created> }[]> {
  // Most orders need none, and one that is killed would leave it.
  let scratch: string | undefined;
  const scratchFolder = (): string => (scratch ??= mkdtempSync(join(tmpdir(), "hermes-sandbox-")));
  try {
    const parallel = parallelOf(options.parallel ?? "3");
    const order = await orderOf(said, options, scratchFolder, telling.say);
    const results = await settleAll(order.plans, parallel, (plan) => make(plan, order, telling));
    return order.plans.map(({ name }, index) => ({ name, result: results[index] as Settled<Created> }));
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

/** Refused before there was anything of the sandbox that could be left. */
export class NothingMade extends CommandError {}

async function make(plan: Plan, order: Order, { say, signal }: CreateContext): Promise<Created> {
  const started = Date.now();
  const { name, stack, file, lease } = plan;
  const tell = (text: string): void => say(text, name);
  const refuseInterrupted = (): void => {
    if (signal.aborted) throw new CommandError("interrupted", EXIT.interrupted);
  };
  let isBegun = false;
  try {
    refuseInterrupted();
    tell(`stack ${stack}, until ${lease.expires.toISOString().slice(0, 16)}Z`);
    await inProgram(stack, order.commit, {
      begin: async (program) => {
        if (order.commit !== undefined) await refuseWrongFileThere(plan.check, program);
        refuseInterrupted();
        isBegun = true;
        await createSandbox({ stack, of: order.of, file, secrets: ownSecrets(file, order.secrets) });
        await takeLease(order.outside.account, lease);
      },
      run: (workDir) => upSandbox(stack, { signal, say: tell, workDir }),
    });
    if (order.seed !== undefined) await order.seed.into(stack, { signal, say: tell });
    beginPhase(stack, "made");
    const created = { name, stack, expires: lease.expires.toISOString(), outputs: await stackOutputs({ stack }) };
    const seconds = Math.round((Date.now() - started) / 1000);
    tell(`up after ${seconds} s`);
    return { ...created, seconds };
  } catch (error) {
    if (!isBegun && error instanceof CommandError) throw new NothingMade(error.message, error.code);
    if (!signal.aborted) throw error;
    tell("interrupted: it is removed");
    await removeSandbox(name, order.outside, { say: tell });
    throw new CommandError("interrupted, and removed", EXIT.interrupted);
  }
}
