import { botTag } from "../../config/sandbox";
import { AccountError, accountFrom } from "../../lib/digitalocean/account";
import { asMap } from "../../lib/maps";
import { resourceNames, stackName } from "../../lib/names";
import { CommandError, EXIT } from "../../lib/output";
import { pulumiOutput, runPulumi } from "../../lib/pulumi";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { credentialsFrom, TailnetApi } from "../../lib/tailnet/api";
import type { NodeIdentity } from "../../lib/tailnet/nodes";
import { stackValues } from "../plan/stack-values";
import { missingStackFile, projectFolder } from "../stack/project";
import {
  knownOf,
  nextStep,
  nodesOf,
  remove,
  strays,
  thingsOf,
  type StateResource,
  type Stray,
  type Thing,
} from "./index";

export interface SweepOptions {
  stack: string;
  yes?: boolean;
  volumes?: boolean;
  json?: boolean;
}

interface SweepReport {
  stack: string;
  found: Stray[];
  removed: Thing[];
  /** What could not be looked at, and why. */
  notLookedAt: string[];
  /** The command to go on with. */
  next: string;
}

export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const { stack } = options;
  const identity = nodeIdentity(stack);
  const account = accountFrom(process.env, await providerConfig(stack));
  if (account === undefined)
    throw new CommandError("There is no DigitalOcean token. Set DIGITALOCEAN_TOKEN.", EXIT.input);
  const known = knownOf(await stateOf(stack));
  const notLookedAt: string[] = [];
  const publicKey = await deployPublicKey(stack);
  if (publicKey === undefined) notLookedAt.push("SSH keys: the stack's deploy key cannot be read");
  const tailnet = tailnetApi(notLookedAt);
  try {
    const [things, devices] = await Promise.all([
      thingsOf(account, { names: resourceNames(stackName(stack)), publicKey, botTag: await ownBotTag(stack) }),
      tailnet === undefined ? [] : tailnet.devices(),
    ]);
    const nodes = nodesOf(devices, identity);
    const found = strays([...nodes, ...things], known, { volumes: options.volumes === true });
    const say = (text: string): void => void process.stderr.write(`${text}\n`);
    const removed = options.yes === true ? await remove(found, { account, tailnet, say }) : [];
    const gone = options.yes === true ? removed : found.filter((one) => one.kept === undefined);
    return { stack, found, removed, notLookedAt, next: nextStep(gone, known, stack) };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof AccountError) throw new CommandError(`DigitalOcean ${error.message}`, EXIT.cloud);
    throw new CommandError(`the tailnet's API: ${(error as Error).message}`, EXIT.cloud);
  }
}

/** Without its secrets decrypted. */
export async function stateOf(stack: string): Promise<StateResource[]> {
  const exported = JSON.parse(await pulumiOutput(["stack", "export", "--stack", stack])) as {
    deployment?: { resources?: StateResource[] } | null;
  };
  return exported.deployment?.resources ?? [];
}

/** Where the token stands in the stack's file and not in the environment. */
export async function providerConfig(stack: string): Promise<{ get(key: string): string | undefined }> {
  const read = async (key: string): Promise<string | undefined> => {
    const { code, stdout } = await runPulumi(["config", "get", `digitalocean:${key}`, "--stack", stack]);
    return code === 0 ? stdout.trim() : undefined;
  };
  const values: Record<string, string | undefined> = {
    token: await read("token"),
    apiEndpoint: await read("apiEndpoint"),
  };
  return { get: (key) => values[key] };
}

async function deployPublicKey(stack: string): Promise<string | undefined> {
  const key = await secretOf(stack, "deployKey");
  return key === undefined ? undefined : publicKeyOf(key);
}

async function ownBotTag(stack: string): Promise<string | undefined> {
  const token = await secretOf(stack, "telegramBotToken");
  return token === undefined ? undefined : botTag(token);
}

async function secretOf(stack: string, name: string): Promise<string | undefined> {
  const { code, stdout } = await runPulumi(["config", "get", "--path", `hermes:secrets.${name}`, "--stack", stack]);
  return code === 0 ? stdout : undefined;
}

function tailnetApi(notLookedAt: string[]): TailnetApi | undefined {
  try {
    return new TailnetApi(credentialsFrom(process.env));
  } catch (error) {
    notLookedAt.push(`tailnet: ${(error as Error).message}`);
    return undefined;
  }
}

/** @throws CommandError where the stack's file does not say how its node is called. */
function nodeIdentity(stack: string): NodeIdentity {
  const values = stackValues(projectFolder(), stack);
  if (values === undefined) throw missingStackFile("--stack", stack);
  const { hostname, tag } = asMap(values["tailnet"]);
  if (typeof hostname === "string" && typeof tag === "string") return { hostname, tag };
  throw new CommandError(
    `Pulumi.${stackName(stack)}.yaml names no hermes:tailnet.hostname and tag.\n` +
      "  Set them as the droplet has them: pulumi config set --path hermes:tailnet.hostname NAME",
    EXIT.input,
  );
}

/** Pure: what a person reads. */
export function sweepText({ stack, found, removed, notLookedAt, next }: SweepReport): string {
  const ids = new Set(removed.map(({ kind, id }) => `${kind} ${id}`));
  const lines = found.map((one) => {
    const outcome = ids.has(`${one.kind} ${one.id}`) ? "removed" : (one.kept ?? "not removed");
    return `${one.kind.padEnd(14)}${one.name} (${one.id}${one.detail === "" ? "" : `, ${one.detail}`}): ${outcome}`;
  });
  const left = found.length - removed.length;
  return [
    ...(found.length === 0 ? [`nothing of ${stack} is outside its state`] : lines),
    ...notLookedAt.map((what) => `not looked at: ${what}`),
    ...(left > 0 && removed.length === 0 ? [`remove them: ./hermes sweep --stack ${stack} --yes`] : []),
    ...(found.length === 0 ? [] : [`then: ${next}`]),
    "",
  ].join("\n");
}
