import { type Account, type Entry } from "../../lib/digitalocean/account";
import { isMap } from "../../lib/maps";
import type { ResourceNames } from "../../lib/names";
import type { TailnetDevice } from "../../lib/tailnet/api";
import { isConnected, ourNodes, type NodeIdentity } from "../../lib/tailnet/nodes";

export const KINDS = [
  ...(["tailnet key", "tailnet node", "droplet", "volume", "snapshot", "firewall", "ssh key", "tag"] as const),
] as const;
export type ThingKind = (typeof KINDS)[number];

/** Something outside that carries a stack's tag or name. */
export interface Thing {
  kind: ThingKind;
  /** What the state knows it by. */
  id: string;
  name: string;
  /** For people: where, since when, how big. */
  detail: string;
  /** Of a volume: the droplets that hold it. */
  heldBy?: string[];
  /** What DigitalOcean says of it; droplets and volumes only. */
  entry?: Entry;
  /** Of a tailnet node that is connected: when it joined, RFC 3339. */
  connectedSince?: string;
}

export interface Identity {
  names: ResourceNames;
  /** OpenSSH public key line of the deploy key; absent: SSH keys are not looked at, a name alone is no proof. */
  publicKey?: string | undefined;
  /** Tag of its Telegram bot, which other stacks may use; absent: not looked for. */
  botTag?: string | undefined;
}

type List = (account: Account, identity: Identity) => Promise<Thing[]>;

export const text = (entry: Entry, key: string): string => {
  const value = entry[key] as string | number | boolean | null | undefined;
  // Printed: nothing in it may move a terminal's cursor.
  return value === undefined || value === null ? "" : String(value).replace(/\p{Cc}+/gu, " ");
};

export const born = (entry: Entry): string =>
  text(entry, "created_at") === "" ? "" : `made ${text(entry, "created_at")}`;

export const regionOf = (entry: Entry): string => (isMap(entry["region"]) ? text(entry["region"], "slug") : "");

export const detail = (...parts: string[]): string => parts.filter((part) => part !== "").join(", ");

/** What a stack is searched for at DigitalOcean. */
type StackKind = Exclude<ThingKind, "tailnet key" | "tailnet node" | "snapshot">;

/** How each kind is found: droplets by our tag, the rest by the exact name that the program gives. */
export const LISTS: Record<StackKind, List> = {
  droplet: async (account, { names }) =>
    (await account.list("droplets", { tag_name: names.tag })).map((entry) => ({
      kind: "droplet",
      id: text(entry, "id"),
      name: text(entry, "name"),
      detail: detail(text(entry, "size_slug"), regionOf(entry), born(entry)),
      entry,
    })),
  volume: async (account, { names }) =>
    named(await account.list("volumes", { name: names.volume }), names.volume).map((entry) => ({
      kind: "volume",
      id: text(entry, "id"),
      name: text(entry, "name"),
      detail: detail(`${text(entry, "size_gigabytes")} GiB`, regionOf(entry), born(entry)),
      heldBy: Array.isArray(entry["droplet_ids"]) ? entry["droplet_ids"].map(String) : [],
      entry,
    })),
  firewall: async (account, { names }) =>
    named(await account.list("firewalls"), names.firewall).map((entry) => ({
      kind: "firewall",
      id: text(entry, "id"),
      name: text(entry, "name"),
      detail: born(entry),
    })),
  "ssh key": async (account, { names, publicKey }) =>
    (await sshKeysLike(account, publicKey)).filter(({ name }) => name === names.sshKey),
  tag: async (account, { names, botTag }) => {
    const all = await account.list("tags");
    const unused = botTag === undefined ? [] : named(all, botTag).filter((entry) => !isCarried(entry));
    const tag = (entry: Entry, detail: string): Thing => {
      return { kind: "tag", id: text(entry, "name"), name: text(entry, "name"), detail };
    };
    return [
      ...named(all, names.tag).map((entry) => tag(entry, "")),
      ...unused.map((entry) => tag(entry, "nothing carries it")),
    ];
  },
};

/** Whether anything carries a tag; where that is not told, it counts as carried. */
export function isCarried(tag: Entry): boolean {
  const resources = tag["resources"];
  return !isMap(resources) || Number(resources["count"] ?? 0) > 0;
}

/** SSH keys of the account with this public key, whatever their names: DigitalOcean takes no second one. */
export async function sshKeysLike(account: Account, publicKey: string | undefined): Promise<Thing[]> {
  if (publicKey === undefined) return [];
  return (await account.list("account/keys", {}, "ssh_keys"))
    .filter((entry) => sameKey(text(entry, "public_key"), publicKey))
    .map((entry) => ({
      kind: "ssh key",
      id: text(entry, "id"),
      name: text(entry, "name"),
      detail: text(entry, "fingerprint"),
    }));
}

const named = (entries: Entry[], name: string): Entry[] => entries.filter((entry) => entry["name"] === name);

/** Type and key; the comment behind them says nothing. */
const sameKey = (one: string, other: string): boolean => body(one) === body(other);
const body = (line: string): string => line.trim().split(/\s+/).slice(0, 2).join(" ");

/** Everything on DigitalOcean, in the order in which it can be removed. */
export async function thingsOf(account: Account, identity: Identity): Promise<Thing[]> {
  return (await Promise.all(Object.values(LISTS).map((list) => list(account, identity)))).flat();
}

export function nodesOf(devices: TailnetDevice[], identity: NodeIdentity): Thing[] {
  return ourNodes(devices, identity).map((device) => ({
    kind: "tailnet node",
    id: device.id,
    name: device.name,
    detail: detail(device.addresses[0] ?? "", isConnected(device) ? "connected" : "not connected"),
    ...(isConnected(device) ? { connectedSince: device.created } : {}),
  }));
}
