// A throw-away stack beside one that stays, made of the very program and removed without a trace.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import { setConfig } from "../init";
import { CommandError, EXIT } from "../output";
import { pulumiOutput, runPulumi, type PulumiResult } from "../pulumi";
import { sweep, sweepText } from "../sweep";
import { SANDBOX_OF, secureKeys, shortName, type StackFile } from "./file";

const pathOf = (stack: string): string => join(process.cwd(), `Pulumi.${shortName(stack)}.yaml`);

/** @throws CommandError when there is none */
export function readStackFile(stack: string): StackFile {
  if (existsSync(pathOf(stack))) return (load(readFileSync(pathOf(stack), "utf8")) as StackFile | null) ?? {};
  throw new CommandError(`${pathOf(stack)} is missing: a sandbox is made after the stack's file`, EXIT.input);
}

export interface SandboxWish {
  /** Name of the sandbox's stack. */
  name: string;
  /** The stack that it is made after. */
  of: string;
  file: StackFile;
  /** Its own. */
  secrets: Record<string, string>;
}

/** A stack without resources yet. There must be none of its name: {@link removeSandbox}. */
export async function createSandbox({ name, of, file, secrets }: SandboxWish): Promise<void> {
  writeFileSync(pathOf(name), dump(file, { lineWidth: -1 }), { mode: 0o600 });
  const provider = typeof file["secretsprovider"] === "string" ? ["--secrets-provider", file["secretsprovider"]] : [];
  await pulumiOutput(["stack", "init", name, "--no-select", ...provider]).catch((error: Error) => {
    rmSync(pathOf(name), { force: true });
    throw error;
  });
  const onStack = ["--stack", name];
  for (const key of secureKeys(readStackFile(of)))
    await setConfig(onStack, key, (await pulumiOutput(["config", "get", key, "--stack", of])).trim(), ["--secret"]);
  for (const [key, value] of Object.entries(secrets))
    await setConfig(onStack, `hermes:secrets.${key}`, value, ["--path", "--secret"]);
}

async function isThere(name: string): Promise<boolean> {
  const stacks = JSON.parse(await pulumiOutput(["stack", "ls", "--json"])) as { name: string }[];
  return stacks.some((stack) => shortName(stack.name) === shortName(name));
}

export interface RunOptions {
  onLine?: (line: string) => void;
}

/** @throws CommandError with the engine's last words; 130 when it was interrupted */
export async function upSandbox(name: string, options: RunOptions & { signal: AbortSignal }): Promise<void> {
  const result = await runPulumi(["up", "--yes", "--skip-preview", "--stack", name], options);
  if (options.signal.aborted) {
    // Where it had to be asked twice it left its lock.
    await runPulumi(["cancel", "--yes", "--stack", name]);
    throw new CommandError("interrupted", EXIT.interrupted);
  }
  if (result.code !== 0)
    throw new CommandError(`the sandbox ${name} did not come up:\n  ${lastWords(result)}`, EXIT.cloud);
}

/** A call that failed may work at once afterwards. */
const ATTEMPTS = 3;

/**
 * Removes everything of a sandbox, and looks whether it did: droplet, firewall, key, tag, tailnet node, stack, file. One
 * that is not there is fine. The engine is out of Ctrl-C's reach meanwhile.
 *
 * @throws CommandError that names what is left, and how to go on; refuses a stack that is no sandbox
 */
export async function removeSandbox(name: string, options: RunOptions = {}): Promise<void> {
  if (!(await isThere(name))) {
    if (isSandboxFile(name)) rmSync(pathOf(name));
    return;
  }
  mustBeSandbox(name);
  const destroy = () => runPulumi([...DESTROY, name], { ...options, signal: new AbortController().signal });
  let destroyed = await destroy();
  for (let attempt = 1; destroyed.code !== 0 && attempt < ATTEMPTS && !isLocked(destroyed); attempt++)
    destroyed = await destroy();
  if (destroyed.code !== 0) throw notRemoved(name, lastWords(destroyed), isLocked(destroyed));
  const report = await sweep({ stack: name, yes: true }).catch((error: Error) => {
    throw notRemoved(name, error.message);
  });
  if (report.found.length > report.removed.length || report.notLookedAt.length > 0)
    throw notRemoved(name, sweepText(report));
  await pulumiOutput(["stack", "rm", "--yes", "--remove-backups", "--stack", name]);
}

/** Refreshed first: what an interrupted run had begun is in the cloud, and not in the state. */
const DESTROY = ["destroy", "--yes", "--skip-preview", "--refresh", "--stack"];

const isLocked = ({ stdout, stderr }: PulumiResult): boolean => /locked by \d+ lock/.test(stdout + stderr);

const isSandboxFile = (name: string): boolean =>
  existsSync(pathOf(name)) && typeof readStackFile(name).config?.[SANDBOX_OF] === "string";

function mustBeSandbox(name: string): void {
  if (isSandboxFile(name)) return;
  throw new CommandError(
    `there is a stack ${name}, and its file does not say ${SANDBOX_OF}: it is no sandbox, and stays as it is.\n` +
      `  If it is not needed: pulumi destroy --stack ${name}; pulumi stack rm ${name}`,
    EXIT.refused,
  );
}

function notRemoved(name: string, why: string, locked = false): CommandError {
  const held = `Another run works on it, or was killed; in the second case: pulumi cancel --yes --stack ${name}\n  Then`;
  return new CommandError(
    `the sandbox ${name} is not removed, and costs money:\n  ${why.trim().replaceAll("\n", "\n  ")}\n` +
      `  ${locked ? held : "Go on with"}: pulumi ${DESTROY.join(" ")} ${name}; ` +
      `hermes sweep --stack ${name} --yes; pulumi stack rm --yes ${name}`,
    EXIT.cloud,
  );
}

const lastWords = ({ stdout, stderr }: PulumiResult): string =>
  `${stderr}\n${stdout}`
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /error[:\s]|failed|locked/i.test(line))
    .slice(0, 6)
    .join("\n  ");
