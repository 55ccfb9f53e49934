import { PartialFailure, type Context, type ResourceType } from "../framework/resource";
import { text, texts, type Values } from "../framework/values";
import { act, api, CHANGE_TIMEOUT_MS, doing, find, object } from "./api";

/** Tag, SshKey and Volume: one object each, made by a POST and read back. */

const TAG_NAME = /^[a-zA-Z0-9:\-_]{1,255}$/;

/** Made, then read back as the official provider does: a failing read leaves a resource that needs an update. */
async function readBack(
  id: string,
  made: Values,
  context: Context,
  read: (id: string, context: Context) => Promise<Values | undefined>,
): Promise<{ id: string; outputs: Values }> {
  try {
    return { id, outputs: (await read(id, context)) ?? made };
  } catch (error) {
    throw new PartialFailure(id, made, error instanceof Error ? error.message : String(error));
  }
}

function tagOutputs(tag: Values): Values {
  const resources = tag["resources"] as Record<string, { count?: number }> & { count?: number };
  return {
    name: tag["name"],
    totalResourceCount: resources.count ?? 0,
    dropletsCount: resources["droplets"]?.count ?? 0,
    imagesCount: resources["images"]?.count ?? 0,
    volumesCount: resources["volumes"]?.count ?? 0,
    volumeSnapshotsCount: resources["volume_snapshots"]?.count ?? 0,
    databasesCount: resources["databases"]?.count ?? 0,
  };
}

async function readTag(id: string, context: Context): Promise<Values | undefined> {
  const tag = await find(`/v2/tags/${encodeURIComponent(id)}`, "tag", context);
  return tag === undefined ? undefined : tagOutputs(tag);
}

export const tag: ResourceType = {
  rules: {},
  bridged: {},
  imported: ["name"],
  computed: [
    "totalResourceCount",
    "dropletsCount",
    "imagesCount",
    "volumesCount",
    "volumeSnapshotsCount",
    "databasesCount",
  ],
  check: ({ name }) =>
    typeof name !== "string" || TAG_NAME.test(name)
      ? []
      : [{ property: "name", reason: "tags may only contain letters, numbers, colons, dashes, and underscores" }],
  async create(inputs, context) {
    const reply = await doing("Error creating tag", () => api("POST", "/v2/tags", context, { name: inputs["name"] }));
    const made = tagOutputs(object(reply, "tag"));
    return readBack(text(made, "name"), made, context, readTag);
  },
  read: (id, _state, context) => readTag(id, context),
  async delete(id, _state, context) {
    await doing("Error deleting tag", () => api("DELETE", `/v2/tags/${encodeURIComponent(id)}`, context));
  },
};

const keyOutputs = (key: Values): Values => ({
  name: key["name"],
  publicKey: key["public_key"],
  fingerprint: key["fingerprint"],
});

async function readKey(id: string, context: Context): Promise<Values | undefined> {
  const key = await find(`/v2/account/keys/${id}`, "ssh_key", context);
  return key === undefined ? undefined : keyOutputs(key);
}

const trimmed = (value: unknown): unknown => (typeof value === "string" ? value.trim() : value);

export const sshKey: ResourceType = {
  rules: { normalise: { publicKey: trimmed } },
  bridged: {},
  imported: ["name", "publicKey"],
  computed: ["fingerprint"],
  async create(inputs, context) {
    const body = { name: inputs["name"], public_key: inputs["publicKey"] };
    const reply = await doing("Error creating SSH Key", () => api("POST", "/v2/account/keys", context, body));
    const key = object(reply, "ssh_key");
    return readBack(String(key["id"]), keyOutputs(key), context, readKey);
  },
  read: (id, _state, context) => readKey(id, context),
  async update(id, _state, inputs, context) {
    const body = { name: inputs["name"] };
    const reply = await doing("Failed to update SSH key", () => api("PUT", `/v2/account/keys/${id}`, context, body));
    return keyOutputs(object(reply, "ssh_key"));
  },
  async delete(id, _state, context) {
    await doing("Error deleting SSH key", () => api("DELETE", `/v2/account/keys/${id}`, context));
  },
};

function volumeOutputs(volume: Values, wanted: Values): Values {
  return {
    ...wanted,
    name: volume["name"],
    region: (volume["region"] as Values)["slug"],
    size: volume["size_gigabytes"],
    description: volume["description"],
    dropletIds: volume["droplet_ids"],
    filesystemType: volume["filesystem_type"],
    filesystemLabel: volume["filesystem_label"],
    tags: volume["tags"],
    volumeUrn: `do:volume:${String(volume["id"])}`,
  };
}

const CREATED_WITH = ["initialFilesystemType", "initialFilesystemLabel", "snapshotId"];

async function readVolume(id: string, wanted: Values, context: Context): Promise<Values | undefined> {
  const volume = await find(`/v2/volumes/${id}`, "volume", context);
  return volume === undefined ? undefined : volumeOutputs(volume, keep(wanted));
}

/** What only the birth of a volume knew. */
const keep = (values: Values): Values =>
  Object.fromEntries(CREATED_WITH.filter((key) => values[key] !== undefined).map((key) => [key, values[key]]));

export const lowerCaseSet = (value: unknown): unknown =>
  Array.isArray(value)
    ? texts(value)
        .map((entry) => entry.toLowerCase())
        .sort()
    : value;

export const volume: ResourceType = {
  rules: { computed: ["filesystemType"], normalise: { tags: lowerCaseSet } },
  bridged: {},
  computed: ["dropletIds", "filesystemLabel", "filesystemType", "volumeUrn"],
  unread: CREATED_WITH,
  // As the official provider: not what the volume was created with, which then looks like a change.
  imported: ["name", "region", "size", "description", "filesystemType", "tags"],
  validate(inputs, olds) {
    if (olds !== undefined && Number(inputs["size"]) < Number(olds["size"])) {
      throw new Error("volumes `size` can only be expanded and not shrunk");
    }
  },
  async create(inputs, context) {
    const body = {
      region: inputs["region"],
      name: inputs["name"],
      description: inputs["description"] ?? "",
      size_gigabytes: inputs["size"],
      snapshot_id: inputs["snapshotId"] ?? "",
      filesystem_type: inputs["initialFilesystemType"] ?? inputs["filesystemType"] ?? "",
      filesystem_label: inputs["initialFilesystemLabel"] ?? "",
      tags: inputs["tags"] ?? [],
    };
    const reply = await doing("Error creating Volume", () => api("POST", "/v2/volumes", context, body));
    const made = object(reply, "volume");
    return readBack(String(made["id"]), volumeOutputs(made, keep(inputs)), context, (id) =>
      readVolume(id, inputs, context),
    );
  },
  read: (id, state, context) => readVolume(id, state, context),
  async update(id, state, inputs, context) {
    if (inputs["size"] !== state["size"]) {
      const body = { type: "resize", size_gigabytes: inputs["size"], region: inputs["region"] };
      const timeoutMs = context.timeoutMs ?? CHANGE_TIMEOUT_MS;
      await doing(`Error resizing volume (${id})`, () => act(`/v2/volumes/${id}`, body, context, timeoutMs));
    }
    await retag("volume", id, texts(state["tags"]), texts(inputs["tags"]), context);
    const outputs = await readVolume(id, inputs, context);
    if (outputs === undefined) throw new Error(`volume ${id} is gone`);
    return outputs;
  },
  async delete(id, _state, context) {
    await doing("Error deleting volume", () => api("DELETE", `/v2/volumes/${id}`, context));
  },
};

/** Tags what is new (making the tag where it has to), untags what is not wanted any more. */
export async function retag(
  kind: "droplet" | "volume",
  id: string,
  before: string[],
  after: string[],
  context: Context,
): Promise<void> {
  const body = { resources: [{ resource_id: id, resource_type: kind }] };
  for (const name of before.filter((entry) => !after.includes(entry))) {
    await api("DELETE", `/v2/tags/${encodeURIComponent(name)}/resources`, context, body);
  }
  for (const name of after.filter((entry) => !before.includes(entry))) {
    await api("POST", "/v2/tags", context, { name });
    await api("POST", `/v2/tags/${encodeURIComponent(name)}/resources`, context, body);
  }
}
