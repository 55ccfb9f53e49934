// Proves that a backup can be restored, in a sandbox that is made for it and removed whatever comes of it.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupTime } from "../gateway/apply/backup-names";
import { gatewayStatus } from "../remote/gateway-status";
import { proveEncrypted } from "./age";
import { bucketOf, fetchBackup, hasBucket, identityOf, sendBackup, type Restored, type RestoreOptions } from "./backup";
import { untilInterrupted } from "./interrupted";
import { CommandError, EXIT, Progress, table } from "./output";
import { here, type Surroundings } from "./operate";
import { plain } from "./scrub";
import { drillFile, shortName } from "./sandbox/file";
import { originOf } from "./sandbox/origin";
import { ownSecrets } from "./sandbox/secrets";
import { outsideOf, takeLease } from "./sandbox/outside";
import { createSandbox, mustBeSandbox, readStackFile, removeSandbox, upSandbox } from "./sandbox/stack";
import { slugOf, stackOf } from "./sandbox/names";
import { sshTarget, stackSecrets } from "./stack";

/** What a drill works with, so that tests can give it something else. */
export interface DrillParts {
  /** Removes what an earlier one left that was cut off hard. @throws CommandError where somebody else's stack has the name */
  clear(): Promise<void>;
  /** A stack without resources. */
  create(): Promise<void>;
  up(signal: AbortSignal): Promise<void>;
  restore(signal: AbortSignal): Promise<Restored>;
  /** Why the gateway in the sandbox is not well on the restored state. */
  problem(): Promise<string | undefined>;
  /** @throws CommandError that names what is left */
  remove(): Promise<void>;
}

export interface Drilled extends Restored {
  /** Name of the backup. */
  backup: string;
  /** From the first call to the last thing removed. */
  seconds: number;
}

/**
 * Brings a sandbox up, restores into it, and removes it: also when a step failed, and when it was interrupted, which is
 * looked for between the steps and by the long ones themselves.
 *
 * @throws CommandError when the sandbox did not come up, was interrupted (130), or is not removed
 */
export async function drill(parts: DrillParts, signal: AbortSignal): Promise<Restored> {
  await parts.clear();
  const proven = await prove(parts, signal).catch((error: Error) => (signal.aborted ? interrupted() : error));
  const left = await parts.remove().catch((error: Error) => error);
  if (!(left instanceof Error)) return unlessError(proven);
  if (!(proven instanceof Error)) throw left;
  throw new CommandError(`${proven.message}\n${left.message}`, EXIT.cloud);
}

const interrupted = (): CommandError => new CommandError("interrupted", EXIT.interrupted);

function unlessError<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}

async function prove(parts: DrillParts, signal: AbortSignal): Promise<Restored> {
  const steps = async <T>(step: () => Promise<T>): Promise<T> => {
    if (signal.aborted) throw interrupted();
    return await step();
  };
  await steps(() => parts.create());
  await steps(() => parts.up(signal));
  const restored = await steps(() => parts.restore(signal));
  if (!restored.ok) return restored;
  const problem = await steps(() => parts.problem());
  return problem === undefined ? restored : { ...restored, ok: false, ready: false, error: problem };
}

/** @returns 0 proven, 3 the backup cannot be restored */
export async function runDrill(
  file: string | undefined,
  options: RestoreOptions,
  io: Surroundings = here(),
): Promise<number> {
  const started = Date.now();
  const of = options.stack ?? (await io.pulumi(["stack", "--show-name"])).trim();
  const onStack = { ...options, stack: of };
  const identity = identityOf(await stackSecrets(onStack));
  const scratch = mkdtempSync(join(tmpdir(), "hermes-drill-"));
  const progress = new Progress((text) => void io.stderr.write(text));
  try {
    const { path, name } = await chosen(file, onStack, scratch, io);
    // Nothing is made for one that cannot even be decrypted.
    await proveEncrypted(path, identity);
    const parts = partsOf({ of, path, identity, progress });
    const said = (): void => void io.stderr.write("interrupted: the sandbox is removed first, which takes a minute\n");
    const result = await untilInterrupted((signal) => drill(parts, signal), said);
    progress.end();
    const drilled = { ...result, backup: name, seconds: Math.round((Date.now() - started) / 1000) };
    io.stdout.write(options.json === true ? `${JSON.stringify(drilled)}\n` : `${drillText(drilled)}\n`);
    return result.ok ? EXIT.ok : EXIT.unhealthy;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The one that is named; else the bucket's newest; without a bucket the newest in this folder. */
async function chosen(
  file: string | undefined,
  options: RestoreOptions,
  scratch: string,
  io: Surroundings,
): Promise<{ path: string; name: string }> {
  if (file !== undefined) return { path: file, name: file };
  if (options.fromBucket !== undefined || (await hasBucket(options, io))) {
    const wanted = options.fromBucket ?? "latest";
    return await fetchBackup(await bucketOf(options, io), wanted, scratch);
  }
  const newest = readdirSync(process.cwd())
    .filter((name) => backupTime(name) !== undefined)
    .sort()
    .at(-1);
  if (newest !== undefined) return { path: newest, name: newest };
  throw new CommandError("there is no backup in this folder, and the stack has no bucket: hermes backup", EXIT.input);
}

/** A drill that is cut off hard, and never made again, goes with the next sweep. */
const LIFETIME_MS = 4 * 3_600_000;

interface Drill {
  of: string;
  path: string;
  identity: string;
  progress: Progress;
}

function partsOf({ of, path, identity, progress }: Drill): DrillParts {
  const name = slugOf(`${shortName(of)}-drill`);
  const stack = stackOf(name);
  const say = (text: string): void => progress.detail(text);
  const connect = () => sshTarget({ stack });
  const remove = async (): Promise<void> => removeSandbox(name, await outsideOf(of), { say });
  return {
    clear: async () => {
      mustBeSandbox(stack);
      await remove();
    },
    create: async () => {
      progress.begin(`sandbox ${name}`);
      const lifetime = { expires: new Date(Date.now() + LIFETIME_MS), origin: await originOf() };
      const file = drillFile(readStackFile(of), { of, stack, lifetime });
      await createSandbox({ stack, of, file, secrets: ownSecrets(file, { openrouterApiKey: "none-for-a-drill" }) });
      await takeLease((await outsideOf(of)).account, { name, ...lifetime });
    },
    up: async (signal) => {
      progress.begin("pulumi up");
      await upSandbox(stack, { say, signal });
    },
    restore: async (signal) => {
      progress.begin("restore");
      return await sendBackup(await connect(), path, identity, { verbs: "restore", signal });
    },
    problem: async () => (await gatewayStatus(await connect(), { agentTurn: false })).problem,
    remove: async () => {
      progress.begin(`removing ${name}`);
      await remove();
    },
  };
}

/** Pure: what a person reads. */
export function drillText({ ok, backup, files, created, openclaw, version, seconds, error }: Drilled): string {
  const made = `${plain(created ?? "?")}, by OpenClaw ${plain(openclaw ?? "?")}`;
  if (!ok) return `not restorable: ${plain(backup)}: ${plain(error ?? "no reason given")}\nthe sandbox is removed`;
  return table([
    ["restorable", plain(backup)],
    ["made", made],
    ["files", `${files ?? 0}, each as it was backed up`],
    ["gateway", `OpenClaw ${plain(version ?? "?")} became ready on them`],
    ["sandbox", `removed, nothing is left of it; all of it took ${seconds} s`],
  ]);
}
