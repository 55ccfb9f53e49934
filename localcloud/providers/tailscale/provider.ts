import { HttpError } from "../framework/http";
import type { Context, Plugin, ResourceType } from "../framework/resource";
import { compact, isObject, text, texts, type Values } from "../framework/values";
import { pause } from "../framework/wait";
import { api, configureApi, tailnet } from "./api";

/** 90 days. */
const DEFAULT_EXPIRY_S = 7_776_000;

const keyPath = (id: string): string => `/tailnet/${tailnet()}/keys/${encodeURIComponent(id)}`;

function keyOutputs(key: Values): Values {
  const capabilities = key["capabilities"] as { devices?: { create?: Values } } | null | undefined;
  const create = capabilities?.devices?.create ?? {};
  return compact({
    reusable: create["reusable"],
    ephemeral: create["ephemeral"],
    preauthorized: create["preauthorized"],
    tags: create["tags"],
    description: key["description"],
    expiry: key["expirySeconds"],
    createdAt: key["created"],
    expiresAt: key["expires"],
    invalid: key["invalid"] ?? false,
    userId: key["userId"],
  });
}

async function createKey(inputs: Values, context: Context): Promise<{ id: string; outputs: Values }> {
  const capabilities = {
    reusable: inputs["reusable"] ?? false,
    ephemeral: inputs["ephemeral"] ?? false,
    tags: texts(inputs["tags"]),
    preauthorized: inputs["preauthorized"] ?? false,
  };
  const key = await api("POST", `/tailnet/${tailnet()}/keys`, context, {
    capabilities: { devices: { create: capabilities } },
    expirySeconds: inputs["expiry"] ?? DEFAULT_EXPIRY_S,
    description: inputs["description"] ?? "",
  });
  if (key["keyType"] !== undefined && key["keyType"] !== "auth") {
    throw new Error(`Invalid key type '${text(key, "keyType")}'`);
  }
  return {
    id: text(key, "id"),
    outputs: { recreateIfInvalid: "", ...inputs, ...keyOutputs(key), key: key["key"] },
  };
}

/** A key that was used up, expired or deleted stays in the state, as invalid. Its text is never told again. */
async function readKey(id: string, state: Values, context: Context): Promise<Values> {
  try {
    const key = await api("GET", keyPath(id), context);
    return { ...state, ...keyOutputs(key), invalid: key["invalid"] === true };
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return { ...state, invalid: true };
    throw error;
  }
}

const tailnetKey: ResourceType = {
  rules: {
    plain: true,
    defaults: { reusable: false, ephemeral: false, preauthorized: false, recreateIfInvalid: "" },
    normalise: { tags: (value) => (Array.isArray(value) ? texts(value).sort() : value) },
  },
  computed: ["createdAt", "expiresAt", "invalid", "key", "userId"],
  unread: ["recreateIfInvalid"],
  replaceReason(state, inputs) {
    const wish = inputs["recreateIfInvalid"];
    const wanted = wish === "always" || (wish !== "never" && inputs["reusable"] === true);
    return state["invalid"] === true && wanted ? "invalid" : undefined;
  },
  create: createKey,
  read: readKey,
  update: async (_id, state, inputs) => ({ ...state, ...inputs }),
  async delete(id, _state, context) {
    try {
      await api("DELETE", keyPath(id), context);
    } catch (error) {
      if (!(error instanceof HttpError && error.status === 404)) throw error;
    }
  },
};

const DEVICE_FIELDS = [
  "addresses",
  "authorized",
  "blocksIncomingConnections",
  "clientVersion",
  "created",
  "expires",
  "hostname",
  "isExternal",
  "keyExpiryDisabled",
  "lastSeen",
  "machineKey",
  "name",
  "nodeId",
  "nodeKey",
  "os",
  "tags",
  "tailnetLockError",
  "tailnetLockKey",
  "updateAvailable",
  "user",
];

/** A Go duration, as far as people write one. */
function milliseconds(duration: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ""] ?? 0), 0);
}

/** Takes the first device, asking every second on any error until `waitFor` is over: as the official one does. */
async function getDevice(args: Values, context: Context): Promise<Values> {
  const by = args["name"] === undefined ? "hostname" : "name";
  const wanted = text(args, by);
  if (wanted === "") throw new Error("tailscale.getDevice: one of `name` and `hostname` must be given");
  const deadline = Date.now() + milliseconds(text(args, "waitFor"));
  for (;;) {
    try {
      return await firstDevice(by, wanted, args, context);
    } catch (error) {
      if (Date.now() + 1000 > deadline) throw error;
    }
    await pause(1000, context.signal);
  }
}

async function firstDevice(by: string, wanted: string, args: Values, context: Context): Promise<Values> {
  const reply = await api("GET", `/tailnet/${tailnet()}/devices?${by}=${encodeURIComponent(wanted)}`, context);
  const devices = Array.isArray(reply["devices"]) ? (reply["devices"] as unknown[]).filter(isObject) : [];
  const device = devices.find((candidate) => candidate[by] === wanted);
  if (device === undefined) throw new Error(`Could not find device with ${by} '${wanted}'`);
  const fields = DEVICE_FIELDS.map((key): [string, unknown] => [key, device[key] ?? ABSENT[key] ?? ""]);
  return { ...Object.fromEntries(fields), id: device["id"], ...compact({ waitFor: args["waitFor"] }) };
}

/** What a missing field reads as where that is not the empty text. */
const ABSENT: Values = {
  addresses: [],
  tags: [],
  authorized: false,
  blocksIncomingConnections: false,
  isExternal: false,
  keyExpiryDisabled: false,
  updateAvailable: false,
};

/** Stand-in for the official Tailscale provider: what hermes uses of it. */
export const plugin: Plugin = {
  name: "tailscale",
  version: "0.29.1",
  resources: { "tailscale:index/tailnetKey:TailnetKey": tailnetKey },
  functions: { "tailscale:index/getDevice:getDevice": getDevice },
  configure: configureApi,
};
