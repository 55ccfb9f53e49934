import { AccountError, type Account } from "../../lib/digitalocean/account";
import { isMap } from "../../lib/maps";
import type { TailnetApi } from "../../lib/tailnet/api";
import type { Stray } from "./strays";
import { KINDS, type Thing } from "./things";

export interface RemoveOptions {
  account: Account;
  tailnet?: TailnetApi | undefined;
  /** For each thing before it goes. */
  say: (text: string) => void;
  /** How often a droplet is looked at while it stops and goes, milliseconds. @default 2000 */
  pollMs?: number;
  /** @default 60000 */
  timeoutMs?: number;
}

/** Removes strays that need not be kept, in an order that works. Those that something else still uses stay. @returns what went */
export async function remove(found: readonly Stray[], options: RemoveOptions): Promise<Thing[]> {
  const removed: Thing[] = [];
  for (const kind of KINDS) {
    for (const one of found.filter((each) => each.kind === kind && each.kept === undefined)) {
      options.say(`removing ${one.kind} ${one.name} (${one.id})`);
      if (await removeOne(one, options)) removed.push(one);
    }
  }
  return removed;
}

async function removeOne(one: Stray, options: RemoveOptions): Promise<boolean> {
  const { account } = options;
  switch (one.kind) {
    case "tailnet key":
      await options.tailnet?.removeKey(one.id);
      return options.tailnet !== undefined;
    case "tailnet node":
      await options.tailnet?.remove(one.id);
      return options.tailnet !== undefined;
    case "droplet":
      await removeDroplet(one.id, options);
      return true;
    case "volume":
      await account.remove(`/v2/volumes/${one.id}`);
      return true;
    case "snapshot":
      await account.remove(`/v2/snapshots/${one.id}`);
      return true;
    case "firewall":
      await account.remove(`/v2/firewalls/${one.id}`);
      return true;
    case "ssh key":
      await account.remove(`/v2/account/keys/${one.id}`);
      return true;
    case "tag":
      return removeTag(one, options);
  }
}

/** Stopped before it is deleted: it may have the stack's own volume mounted. */
async function removeDroplet(id: string, options: RemoveOptions): Promise<void> {
  const { account } = options;
  const status = async (): Promise<string> => {
    const droplet = (await account.find(`/v2/droplets/${id}`))?.["droplet"];
    if (!isMap(droplet)) return "gone";
    return droplet["locked"] === true ? "locked" : String(droplet["status"]);
  };
  const now = await until(status, (state) => state !== "locked", options);
  if (now === "active") {
    await account.post(`/v2/droplets/${id}/actions`, { type: "shutdown" });
    const stopped = await until(status, (state) => state === "off" || state === "gone", options);
    if (stopped !== "off" && stopped !== "gone") {
      options.say(`  it does not stop by itself; power off`);
      await account.post(`/v2/droplets/${id}/actions`, { type: "power_off" });
      await until(status, (state) => state === "off" || state === "gone", options);
    }
  }
  await account.remove(`/v2/droplets/${id}`);
  const last = await until(status, (state) => state === "gone", options);
  if (last !== "gone") throw new AccountError(`still shows droplet ${id} (${last}) after it was deleted`);
}

/** The first wanted answer, or the last one when the time is up. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, options: RemoveOptions): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, options.pollMs ?? 2000));
  }
}

/** Somebody else's things may carry a tag of the same name; then it is theirs. */
async function removeTag(one: Stray, { account, say }: RemoveOptions): Promise<boolean> {
  const tag = (await account.find(`/v2/tags/${one.id}`))?.["tag"];
  const resources = isMap(tag) ? tag["resources"] : undefined;
  if (isMap(resources) && Number(resources["count"] ?? 0) > 0) {
    say(`  tag ${one.name} stays: ${String(resources["count"])} other things carry it`);
    return false;
  }
  await account.remove(`/v2/tags/${one.id}`);
  return true;
}
