// A sandbox that is made for one piece of work, and removed whatever comes of it.
import { stackName } from "../../lib/names";
import { CommandError, EXIT, type Progress } from "../../lib/output";
import { drillFile, type StackFile } from "../sandboxes/file";
import { slugOf, stackOf } from "../sandboxes/names";
import { originOf } from "../sandboxes/origin";
import { outsideOf, takeLease } from "../sandboxes/outside";
import { ownSecrets } from "../sandboxes/secrets";
import { createSandbox, mustBeSandbox, readStackFile, removeSandbox, upSandbox } from "../sandboxes/stack";

/** Its life, so that tests can give it another one. */
export interface ThrowAway {
  /** Removes what an earlier one left that was cut off hard. @throws CommandError where somebody else's stack has the name */
  clear(): Promise<void>;
  /** A stack without resources. */
  create(): Promise<void>;
  up(signal: AbortSignal): Promise<void>;
  /** @throws CommandError that names what is left */
  remove(): Promise<void>;
}

export interface ThrowAwayOptions {
  /** The stack that it is made after. */
  of: string;
  /** In its name. */
  purpose: string;
  progress: Progress;
  /** Changes its file, in which nothing can reach anybody. */
  adjust?: (file: StackFile) => StackFile;
}

/** One that is cut off hard, and never made again, goes with the next sweep. */
const LIFETIME_MS = 4 * 3_600_000;

export function throwAway({ of, purpose, progress, adjust }: ThrowAwayOptions): ThrowAway & { stack: string } {
  const name = slugOf(`${stackName(of)}-${purpose}`);
  const stack = stackOf(name);
  const say = (text: string): void => progress.detail(text);
  const remove = async (): Promise<void> => removeSandbox(name, await outsideOf(of), { say });
  return {
    stack,
    clear: async () => {
      mustBeSandbox(stack);
      await remove();
    },
    create: async () => {
      progress.begin(`sandbox ${name}`);
      const lifetime = { expires: new Date(Date.now() + LIFETIME_MS), origin: await originOf() };
      const quiet = drillFile(readStackFile(of), { of, stack, lifetime });
      const file = adjust?.(quiet) ?? quiet;
      // None that could spend from the account of the models.
      await createSandbox({
        stack,
        of,
        file,
        secrets: ownSecrets(file, { openrouterApiKey: `sk-or-none-for-a-${purpose}` }),
      });
      await takeLease((await outsideOf(of)).account, { name, ...lifetime });
    },
    up: async (signal) => {
      progress.begin("pulumi up");
      await upSandbox(stack, { say, signal });
    },
    remove: async () => {
      progress.begin(`removing ${name}`);
      await remove();
    },
  };
}

/**
 * Works in a sandbox that is removed afterwards, whatever comes of the work.
 *
 * @throws CommandError when the work did, was interrupted (130), or the sandbox is not removed
 */
export async function thrownAway<T>(
  parts: Pick<ThrowAway, "clear" | "remove">,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await parts.clear();
  const done = await work().catch((error: Error) => (signal.aborted ? interrupted() : error));
  const left = await parts.remove().catch((error: Error) => error);
  if (!(left instanceof Error)) return unlessError(done);
  if (!(done instanceof Error)) throw left;
  throw new CommandError(`${done.message}\n${left.message}`, EXIT.cloud);
}

const interrupted = (): CommandError => new CommandError("interrupted", EXIT.interrupted);

function unlessError<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}

/** Runs one step after another, none once it was interrupted. */
export const stepsUntil =
  (signal: AbortSignal) =>
  async <T>(step: () => Promise<T>): Promise<T> => {
    if (signal.aborted) throw interrupted();
    return await step();
  };
