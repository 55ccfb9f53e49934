// What happens to a sandbox between its making and its end.
import { leaseOf, leaseTag, type Lease } from "../../config/sandbox";
import type { Account } from "../../lib/digitalocean/account";
import { asMap } from "../../lib/maps";
import { nearest } from "../../lib/nearest";
import type { CommandError } from "../../lib/output";
import { wrongValue } from "../stack/input";
import { projectFolder } from "../stack/project";
import { stackOutputs, type StackOutputs } from "../stack/reach";
import { bringFile } from "../stack/sandbox-copy";
import type { SandboxThing } from "../sweep/sandboxes";
import { stateOf } from "../sweep/sweep";
import { inProgram } from "./checkout";
import { engineStack, refresh } from "./engine";
import { COMMIT, toTheSecond } from "./file";
import { imageKeys } from "./image";
import { stackOf } from "./names";
import { inventory, type Outside } from "./outside";
import { beginPhase, editStackFile, hasStack, readStackFile, sandboxStacks, upSandbox } from "./stack";

/** @throws CommandError where its stack is not here */
export async function mustBeHere(name: string): Promise<string> {
  const stack = stackOf(name);
  await bringFile(stack);
  if (await hasStack(stack)) return stack;
  throw await noSandbox(name);
}

export async function noSandbox(name: string): Promise<CommandError> {
  const names = (await sandboxStacks()).map((each) => each.name);
  return wrongValue("<name>", name, {
    wrong: "there is no such sandbox",
    allowed: names.length === 0 ? "There is no sandbox in the backend here." : `Sandboxes here: ${names.join(", ")}.`,
    fix:
      names.length === 0
        ? `Create one: ./hermes sandbox create ${name}`
        : `Write ${nearest(name, names) ?? "one of those that ./hermes sandbox list shows"}.`,
  });
}

/**
 * Later than it was, or earlier: the tag of its droplet, without the droplet being touched, then its file and its state. The new
 * lease is there before the old one goes.
 */
export async function extendSandbox(
  name: string,
  expires: Date,
  outside: Outside,
  { signal, say }: { signal: AbortSignal; say: (text: string) => void },
): Promise<Lease> {
  const stack = await mustBeHere(name);
  const file = readStackFile(stack);
  const lifetime = asMap(file.config?.["hermes:sandbox"]);
  const lease = { name, expires, origin: String(lifetime["origin"]) };
  const tag = leaseTag(lease);
  const { things } = await inventory(outside);
  const own = things.filter(({ sandbox }) => sandbox === name);
  const droplets = own.filter(({ kind }) => kind === "droplet");
  await moveLease(tag, own, droplets, outside);
  editStackFile(stack, { "hermes:sandbox": { ...lifetime, expires: toTheSecond(expires) } });
  const urns = await dropletUrns(stack);
  if (urns.length > 0) await refresh(await engineStack(stack, projectFolder()), urns, { signal, say });
  return lease;
}

async function moveLease(
  tag: string,
  own: readonly SandboxThing[],
  droplets: readonly SandboxThing[],
  { account }: Outside,
): Promise<void> {
  await account.post("/v2/tags", { name: tag });
  const resources = droplets.map(({ id }) => ({ resource_id: id, resource_type: "droplet" }));
  if (resources.length > 0) await account.post(`/v2/tags/${tag}/resources`, { resources });
  const old = own.filter(({ kind, id }) => kind === "tag" && leaseOf(id) !== undefined && id !== tag);
  for (const { id } of old) await account.remove(`/v2/tags/${id}`);
}

const dropletUrns = async (stack: string): Promise<string[]> =>
  (await stateOf(stack)).flatMap(({ urn, type }) => (type === "digitalocean:index/droplet:Droplet" ? [urn] : []));

/** A new droplet in the place of the old one, under the same name; what agents had on the old one is gone. */
export async function recreateSandbox(
  name: string,
  { signal, say, account, cold }: { signal: AbortSignal; say: (text: string) => void; account: Account; cold: boolean },
): Promise<{ outputs: StackOutputs; seconds: number }> {
  const started = Date.now();
  const stack = await mustBeHere(name);
  const file = readStackFile(stack);
  const { config = {} } = file;
  const image = await imageKeys(file, { account, cold, say });
  const revision = Number(config["hermes:bootstrapRevision"] ?? 1);
  beginPhase(stack, "making");
  editStackFile(stack, {
    "hermes:bootstrapRevision": revision + 1,
    ...image,
  });
  const commit = typeof config[COMMIT] === "string" ? config[COMMIT] : undefined;
  await inProgram(stack, commit, { run: (workDir) => upSandbox(stack, { signal, say, workDir }) });
  beginPhase(stack, "made");
  return { outputs: await stackOutputs({ stack }), seconds: Math.round((Date.now() - started) / 1000) };
}
