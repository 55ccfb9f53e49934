import { IDLE_TAG, isBotTag, leaseOf, SANDBOX_TAG } from "../../config/sandbox";
import type { Account, Entry } from "../../lib/digitalocean/account";
import type { TailnetApi } from "../../lib/tailnet/api";
import { isSandboxTag, sandboxOf, sandboxOfTags, type Inventory, type SandboxThing } from "./sandboxes";
import { born, detail, isCarried, regionOf, text } from "./things";

/** What the account holds of all sandboxes; tags are read last, see {@link verdicts}. */
export async function inventoryOf(account: Account, tailnet?: TailnetApi): Promise<Omit<Inventory, "notLookedAt">> {
  const lists = [droplets, volumes, snapshots, firewalls, sshKeys].map((list) => list(account));
  const nodes = tailnet === undefined ? [] : [tailnetNodes(tailnet), tailnetKeys(tailnet)];
  const things = (await Promise.all([...nodes, ...lists])).flat();
  const tags = await account.list("tags");
  const leases = tags.flatMap((entry) => leaseOf(text(entry, "name")) ?? []);
  return { things: [...things, ...tags.flatMap(sandboxTagOf)], leases };
}

/** Tags of the sandbox's own: its firewall's, and its leases. */
function sandboxTagOf(entry: Entry): SandboxThing[] {
  const name = text(entry, "name");
  const sandbox = sandboxOf(name) ?? leaseOf(name)?.name;
  return sandbox === undefined ? [] : [{ kind: "tag", id: name, name, detail: "", sandbox }];
}

/**
 * Tags of no single sandbox that nothing carries any more: the one of them all, once there is none, and those of bots. Who
 * makes a droplet with one makes it anew.
 */
export async function idleTags(account: Account): Promise<string[]> {
  const tags = await account.list("tags");
  const last = !tags.some((entry) => leaseOf(text(entry, "name")) !== undefined);
  const common = (name: string): boolean => isBotTag(name) || (last && (name === SANDBOX_TAG || name === IDLE_TAG));
  return tags
    .filter((entry) => !isCarried(entry))
    .flatMap((entry) => (common(text(entry, "name")) ? text(entry, "name") : []));
}

const tagsOf = (entry: Entry): string[] => (Array.isArray(entry["tags"]) ? entry["tags"].map(String) : []);

async function droplets(account: Account): Promise<SandboxThing[]> {
  return (await account.list("droplets")).flatMap((entry) => {
    const tags = tagsOf(entry);
    const sandbox = sandboxOfTags(tags) ?? (tags.includes(SANDBOX_TAG) ? sandboxOf(text(entry, "name")) : undefined);
    if (sandbox === undefined) return [];
    const switchedOff = text(entry, "status") === "off" && tags.includes(IDLE_TAG);
    const about = detail(text(entry, "size_slug"), regionOf(entry), text(entry, "status"), born(entry));
    return [
      { kind: "droplet", id: text(entry, "id"), name: text(entry, "name"), detail: about, entry, sandbox, switchedOff },
    ];
  });
}

async function volumes(account: Account): Promise<SandboxThing[]> {
  return (await account.list("volumes")).flatMap((entry) => {
    const sandbox = sandboxOfTags(tagsOf(entry));
    const heldBy = Array.isArray(entry["droplet_ids"]) ? entry["droplet_ids"].map(String) : [];
    return sandbox === undefined
      ? []
      : [{ kind: "volume", id: text(entry, "id"), name: text(entry, "name"), detail: born(entry), heldBy, sandbox }];
  });
}

async function snapshots(account: Account): Promise<SandboxThing[]> {
  return (await account.list("snapshots")).flatMap((entry) => {
    const tags = tagsOf(entry);
    const sandbox = sandboxOfTags(tags);
    return sandbox === undefined
      ? []
      : [{ kind: "snapshot", id: text(entry, "id"), name: text(entry, "name"), detail: born(entry), sandbox }];
  });
}

/** Has no tag of its own; is on that of its sandbox, and called like it. */
async function firewalls(account: Account): Promise<SandboxThing[]> {
  return (await account.list("firewalls")).flatMap((entry) => {
    const name = text(entry, "name");
    const sandbox = sandboxOf(name);
    // Its tag is gone where the sandbox's tag was removed first.
    if (sandbox === undefined || tagsOf(entry).some((tag) => !isSandboxTag(tag))) return [];
    return [{ kind: "firewall", id: text(entry, "id"), name, detail: born(entry), sandbox }];
  });
}

async function sshKeys(account: Account): Promise<SandboxThing[]> {
  return (await account.list("account/keys", {}, "ssh_keys")).flatMap((entry) => {
    const name = text(entry, "name");
    const sandbox = sandboxOf(name);
    return sandbox === undefined
      ? []
      : [{ kind: "ssh key", id: text(entry, "id"), name, detail: text(entry, "fingerprint"), sandbox }];
  });
}

async function tailnetNodes(tailnet: TailnetApi): Promise<SandboxThing[]> {
  return (await tailnet.devices()).flatMap(({ id, name, hostname, tags = [], addresses, connectedToControl }) => {
    const sandbox = sandboxOf(hostname);
    // A person's machine has no tag.
    if (sandbox === undefined || tags.length === 0) return [];
    const about = detail(addresses[0] ?? "", connectedToControl === true ? "connected" : "not connected");
    return [{ kind: "tailnet node", id, name, detail: about, sandbox }];
  });
}

/** Called as components/tailnet.ts describes them. */
async function tailnetKeys(tailnet: TailnetApi): Promise<SandboxThing[]> {
  const ofKey = (description: string): string | undefined =>
    description.startsWith("hermes ") ? sandboxOf(description.slice("hermes ".length)) : undefined;
  return (await tailnet.keysDescribed((text) => ofKey(text) !== undefined)).map(({ id, description }) => ({
    kind: "tailnet key",
    id,
    name: description,
    detail: "",
    sandbox: ofKey(description) ?? "",
  }));
}
