import { createHash } from "node:crypto";
import type { Change } from "../framework/diff";
import { PartialFailure, type Context, type ResourceType } from "../framework/resource";
import { text, texts, type Values } from "../framework/values";
import { poll } from "../framework/wait";
import { act, api, CHANGE_TIMEOUT_MS, DELETE_TIMEOUT_MS, doing, find, object } from "./api";
import { lowerCaseSet, retag } from "./simple";

const path = (id: string): string => `/v2/droplets/${id}`;

/** What the API does not tell of a droplet. */
const UNREAD = ["image", "userData", "sshKeys", "gracefulShutdown", "resizeDisk", "dropletAgent", "publicNetworking"];

function outputs(droplet: Values, inputs: Values): Values {
  const networks = droplet["networks"] as { v4: Values[]; v6: Values[] };
  const size = droplet["size"] as Values;
  const features = texts(droplet["features"]);
  const address = (list: Values[], type: string) => text(list.find((net) => net["type"] === type) ?? {}, "ip_address");
  const unread = Object.fromEntries(UNREAD.filter((key) => inputs[key] !== undefined).map((key) => [key, inputs[key]]));
  return {
    gracefulShutdown: false,
    resizeDisk: true,
    publicNetworking: true,
    ...unread,
    ...(inputs["backupPolicy"] === undefined ? {} : { backupPolicy: inputs["backupPolicy"] }),
    ...(text(inputs, "userData") === "" ? {} : { userData: storedUserData(text(inputs, "userData")) }),
    name: droplet["name"],
    region: (droplet["region"] as Values)["slug"],
    size: size["slug"],
    backups: features.includes("backups"),
    ipv6: features.includes("ipv6"),
    monitoring: features.includes("monitoring"),
    privateNetworking: features.includes("private_networking"),
    ipv4Address: address(networks.v4, "public"),
    ipv4AddressPrivate: address(networks.v4, "private"),
    ipv6Address: address(networks.v6, "public"),
    createdAt: droplet["created_at"],
    disk: droplet["disk"],
    memory: droplet["memory"],
    vcpus: droplet["vcpus"],
    priceHourly: size["price_hourly"],
    priceMonthly: size["price_monthly"],
    locked: droplet["locked"],
    status: droplet["status"],
    tags: droplet["tags"] ?? [],
    volumeIds: droplet["volume_ids"] ?? [],
    vpcUuid: droplet["vpc_uuid"],
    dropletUrn: `do:droplet:${String(droplet["id"])}`,
  };
}

/** Told by an import only: a refresh leaves the image as it is. */
function imageOf(droplet: Values): string {
  const { slug, id } = (droplet["image"] ?? {}) as { slug?: string | null; id?: number };
  return slug ? slug : String(id);
}

/** The state keeps the digest of the user data only; a read finds the digest there already. */
function storedUserData(userData: string): string {
  return /^[0-9a-f]{40}$/.test(userData) ? userData : createHash("sha1").update(userData).digest("hex");
}

function requestBody(inputs: Values): Values {
  const optional = (key: string, name: string) => (inputs[key] === undefined ? {} : { [name]: inputs[key] });
  const volumes = texts(inputs["volumeIds"]);
  return {
    name: inputs["name"],
    region: inputs["region"] ?? "",
    size: inputs["size"],
    // A snapshot by its number, an image of DigitalOcean's by its slug.
    image: /^\d+$/.test(text(inputs, "image")) ? Number(inputs["image"]) : inputs["image"],
    ssh_keys: texts(inputs["sshKeys"]),
    backups: inputs["backups"] ?? false,
    ipv6: inputs["ipv6"] ?? false,
    private_networking: inputs["privateNetworking"] ?? false,
    monitoring: inputs["monitoring"] ?? false,
    ...optional("userData", "user_data"),
    ...(volumes.length > 0 ? { volumes: volumes.map((id) => ({ id })) } : {}),
    tags: texts(inputs["tags"]),
    ...optional("vpcUuid", "vpc_uuid"),
    ...optional("dropletAgent", "with_droplet_agent"),
    ...optional("publicNetworking", "public_networking"),
  };
}

/** Waits until the droplet is there, unlocked and in the wanted status. */
function waitFor(id: string, status: string, context: Context, timeoutMs: number): Promise<Values> {
  return poll(
    `droplet ${id} to become ${status}`,
    async () => {
      const droplet = await find(path(id), "droplet", context);
      return droplet?.["status"] === status && droplet["locked"] !== true ? droplet : undefined;
    },
    { timeoutMs, signal: context.signal },
  );
}

/** A droplet that was made but does not come up stays in the state: a destroy removes it, an update looks again. */
async function createDroplet(inputs: Values, context: Context): Promise<{ id: string; outputs: Values }> {
  const reply = await doing("Error creating droplet", () => api("POST", "/v2/droplets", context, requestBody(inputs)));
  const made = object(reply, "droplet");
  const id = String(made["id"]);
  try {
    const droplet = await waitFor(id, "active", context, context.timeoutMs ?? CHANGE_TIMEOUT_MS);
    return { id, outputs: outputs(droplet, inputs) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PartialFailure(id, outputs(made, inputs), `Error waiting for droplet (${id}) to become ready: ${reason}`);
  }
}

async function updateDroplet(id: string, state: Values, inputs: Values, context: Context): Promise<Values> {
  const timeoutMs = context.timeoutMs ?? CHANGE_TIMEOUT_MS;
  if (inputs["size"] !== state["size"]) await resize(id, state, inputs, context, timeoutMs);
  if (inputs["name"] !== state["name"]) {
    const body = { type: "rename", name: inputs["name"] };
    await doing(`Error renaming droplet (${id})`, () => act(path(id), body, context, timeoutMs));
  }
  if (inputs["ipv6"] === true && state["ipv6"] !== true) {
    await doing(`Error turning on ipv6 for droplet (${id})`, () =>
      act(path(id), { type: "enable_ipv6" }, context, timeoutMs),
    );
  }
  await retag("droplet", id, texts(state["tags"]), texts(inputs["tags"]), context);
  await moveVolumes(id, texts(state["volumeIds"]), texts(inputs["volumeIds"]), context, timeoutMs);
  const droplet = await find(path(id), "droplet", context);
  if (droplet === undefined) throw new Error(`droplet ${id} is gone`);
  return outputs(droplet, { ...inputs, ...(state["userData"] === undefined ? {} : { userData: state["userData"] }) });
}

/** Off, resized, on again; on again also when the resize fails. */
async function resize(id: string, state: Values, inputs: Values, context: Context, timeoutMs: number): Promise<void> {
  if (state["status"] !== "off") {
    await api("POST", `${path(id)}/actions`, context, { type: "power_off" });
    await waitFor(id, "off", context, timeoutMs);
  }
  try {
    const body = { type: "resize", size: inputs["size"], disk: inputs["resizeDisk"] ?? true };
    await doing(`Error resizing droplet (${id})`, () => act(path(id), body, context, timeoutMs));
  } finally {
    await api("POST", `${path(id)}/actions`, context, { type: "power_on" });
    await waitFor(id, "active", context, timeoutMs);
  }
}

async function moveVolumes(
  id: string,
  before: string[],
  after: string[],
  context: Context,
  timeoutMs: number,
): Promise<void> {
  for (const volume of before.filter((entry) => !after.includes(entry))) await detach(id, volume, context, timeoutMs);
  for (const volume of after.filter((entry) => !before.includes(entry))) {
    const body = { type: "attach", droplet_id: Number(id) };
    await doing(`Error attaching volume (${volume}) to droplet (${id})`, () =>
      act(`/v2/volumes/${volume}`, body, context, timeoutMs),
    );
  }
}

const detach = (id: string, volume: string, context: Context, timeoutMs: number): Promise<void> =>
  doing(`Error detaching volume (${volume}) from droplet (${id})`, () =>
    act(`/v2/volumes/${volume}`, { type: "detach", droplet_id: Number(id) }, context, timeoutMs),
  );

/** In the recorded order: unlocked, asked to stop where that is wanted, volumes off one by one, deleted, gone. */
async function deleteDroplet(id: string, state: Values, context: Context): Promise<void> {
  const timeoutMs = context.timeoutMs ?? DELETE_TIMEOUT_MS;
  const droplet = await doing(`Error waiting for droplet (${id}) to be unlocked for destroy`, () =>
    poll(
      `droplet ${id} to be unlocked`,
      async () => {
        const found = await find(path(id), "droplet", context);
        if (found === undefined) throw new Error("unexpected state 'Not Found', wanted target 'false'");
        return found["locked"] === true ? undefined : found;
      },
      { timeoutMs, signal: context.signal },
    ),
  );
  if (state["gracefulShutdown"] === true && droplet["status"] !== "off") {
    await api("POST", `${path(id)}/actions`, context, { type: "shutdown" });
    await waitFor(id, "off", context, timeoutMs);
  }
  for (const volume of texts(state["volumeIds"])) await detach(id, volume, context, timeoutMs);
  await doing("Error deleting droplet", () => api("DELETE", path(id), context));
  await poll(
    `droplet ${id} to be destroyed`,
    async () => ((await find(path(id), "droplet", context)) === undefined ? true : undefined),
    { timeoutMs, signal: context.signal },
  );
}

/** Turning IPv6 off is refused by way of a hidden property, turning it on changes the address too. */
function ipv6Changes(changes: Change[]): Change[] {
  return changes.flatMap((change) => {
    if (change.property !== "ipv6") return [change];
    return [change, { ...change, property: "ipv6Address", path: "ipv6Address" }];
  });
}

function ipv6Off(changes: Change[]): Change[] {
  const meta: Change = { property: "__meta", path: "__meta", kind: "update", replace: true, reason: true };
  return [meta, ...changes.map((change) => (change.property === "ipv6" ? { ...change, replace: false } : change))];
}

export const droplet: ResourceType = {
  rules: {
    defaults: { backups: false, gracefulShutdown: false, ipv6: false, monitoring: false, resizeDisk: true },
    computed: ["publicNetworking", "vpcUuid", "backupPolicy"],
    normalise: { tags: lowerCaseSet, volumeIds: lowerCaseSet },
    adjust: (changes, olds, news) =>
      olds["ipv6"] === true && news["ipv6"] !== true ? ipv6Off(changes) : ipv6Changes(changes),
  },
  bridged: { defaults: { resizeDisk: true } },
  computed: [
    "backups",
    "createdAt",
    "disk",
    "dropletUrn",
    "ipv4Address",
    "ipv4AddressPrivate",
    "ipv6Address",
    "locked",
    "memory",
    "priceHourly",
    "priceMonthly",
    "privateNetworking",
    "publicNetworking",
    "region",
    "status",
    "vcpus",
    "volumeIds",
    "vpcUuid",
  ],
  computedByUpdate: (changed) => (changed.includes("ipv6") ? ["ipv6Address"] : []),
  unread: UNREAD,
  imported: ["name", "region", "size", "image", "ipv6", "monitoring", "backups", "tags", "volumeIds", "vpcUuid"],
  check(inputs) {
    const empty = ["image", "size", "name", "region"].filter((key) => inputs[key] === "");
    return empty.map((property) => ({ property, reason: `expected "${property}" to not be an empty string` }));
  },
  create: createDroplet,
  async read(id, state, context) {
    const found = await find(path(id), "droplet", context);
    return found === undefined ? undefined : outputs(found, { image: imageOf(found), ...state });
  },
  update: updateDroplet,
  delete: deleteDroplet,
};
