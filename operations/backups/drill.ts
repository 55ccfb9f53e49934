// Proves that a backup can be restored, in a sandbox that is made for it and removed whatever comes of it.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupTime } from "../../gateway/apply/backup-names";
import { gatewayStatus } from "../../gateway/status";
import { proveEncrypted } from "../../lib/age";
import { untilInterrupted } from "../../lib/interrupted";
import { CommandError, EXIT, Progress, table } from "../../lib/output";
import { sshTarget, stackSecrets } from "../stack/reach";
import { plain } from "../stack/scrub";
import { here, type Surroundings } from "../stack/surroundings";
import { bucketOf, fetchBackup, hasBucket } from "./bucket";
import { checkBackup, identityOf, sendBackup, type Restored, type RestoreOptions } from "./restore";
import { stepsUntil, throwAway, thrownAway, type ThrowAway } from "./throw-away";

/** What a drill works with, so that tests can give it something else. */
export interface DrillParts extends ThrowAway {
  restore(signal: AbortSignal): Promise<Restored>;
  /** Why the gateway in the sandbox is not well on the restored state. */
  problem(): Promise<string | undefined>;
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
export const drill = (parts: DrillParts, signal: AbortSignal): Promise<Restored> =>
  thrownAway(parts, () => prove(parts, signal), signal);

async function prove(parts: DrillParts, signal: AbortSignal): Promise<Restored> {
  const steps = stepsUntil(signal);
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
  checkBackup(file, options);
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
  throw new CommandError("there is no backup in this folder, and the stack has no bucket: ./hermes backup", EXIT.input);
}

interface Drill {
  of: string;
  path: string;
  identity: string;
  progress: Progress;
}

function partsOf({ of, path, identity, progress }: Drill): DrillParts {
  const sandbox = throwAway({ of, purpose: "drill", progress });
  const connect = () => sshTarget({ stack: sandbox.stack });
  return {
    ...sandbox,
    restore: async (signal) => {
      progress.begin("restore");
      return await sendBackup(await connect(), path, identity, { verbs: "restore", signal });
    },
    problem: async () => (await gatewayStatus(await connect(), { agentTurn: false })).problem,
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
