import { hermesKey } from "../../config/stackfile";
import { asMap } from "../../lib/maps";
import { baseName } from "../../lib/names";

/** A Pulumi.STACK.yaml: `config`, and whatever else the engine keeps there. */
export interface StackFile {
  config?: Record<string, unknown>;
  [key: string]: unknown;
}

/** What a sandbox's own file says of it, beside hermes' own keys: of which stack it is. */
export const SANDBOX_OF = "hermes-sandbox:of";
/** What is being done to it, or was when whoever did it died. */
export const PHASE = "hermes-sandbox:phase";
export type Phase = "making" | "made" | "leaving";
/** Who works on it: host, process, and when that began. */
export const MAKER = "hermes-sandbox:maker";
/** The file is a copy of what the engine kept: another job or machine made the sandbox. */
export const COPY = "hermes-sandbox:copy";
/** The git commit whose program it runs; absent: what was in the folder. */
export const COMMIT = "hermes-sandbox:commit";
/** Whose key for models it has: `shared` with the stack that it is made after, or its `own`. */
export const MODELS_KEY = "hermes-sandbox:modelsKey";

/** The stack's own, which a sandbox must not share: its identity, its bot, its bucket. */
const LEFT_OUT = ["secrets", "telegram", "backup", "bootstrapRevision", "volumeGiB", "sandbox"];
/** What a drill has no need of: whoever the restored agents could talk to, and what takes minutes to pull. */
const LEFT_OUT_OF_DRILL = ["mcpServers", "localModel"];
/** What the engine encrypts by, made anew for each stack. */
const KEYS_OF_ENGINE = ["config", "encryptionsalt", "encryptedkey"];

const isSecure = (value: unknown): boolean => typeof asMap(value)["secure"] === "string";

/** Keys outside of hermes' own whose value is encrypted, such as a provider's token: a sandbox needs them, encrypted anew. */
export const secureKeys = ({ config = {} }: StackFile): string[] =>
  Object.keys(config).filter((key) => hermesKey(key) === undefined && isSecure(config[key]));

/** What `hermes:sandbox` holds. */
interface Lifetime {
  expires: Date;
  origin: string;
  /** As `1h`. */
  idle?: string;
}

export interface FileRequest {
  /** The stack that it is made after. */
  of: string;
  /** Name of the sandbox's stack. */
  stack: string;
  lifetime: Lifetime;
  /** Keys of the template. */
  template?: Record<string, unknown>;
  /** Values by dotted path, such as `models.primary`; they win. */
  set?: Readonly<Record<string, unknown>>;
  /** It has a bot of its own: the Telegram channel and its bindings stay. */
  telegram?: boolean;
}

/**
 * The file of a sandbox beside a stack: the same program and machine, without a volume, under a host name of its own that
 * the tailnet forgets by itself, without backups and the stack's secrets; without Telegram, unless it has a bot of its own.
 */
export function sandboxFile(parent: StackFile, request: FileRequest): StackFile {
  const config: Record<string, unknown> = {};
  const leftOut = LEFT_OUT.filter((key) => key !== "telegram" || request.telegram !== true);
  for (const [key, value] of Object.entries(parent.config ?? {})) {
    const ours = hermesKey(key);
    if (ours === undefined ? !isSecure(value) : !leftOut.includes(ours))
      config[ours === undefined ? key : `hermes:${ours}`] = value;
  }
  for (const [key, value] of Object.entries(request.template ?? {}))
    if (!leftOut.includes(hermesKey(key) ?? "")) config[key] = laidOver(config[key], value);
  const agents = Object.entries(asMap(config["hermes:agents"]));
  if (agents.length > 0 && request.telegram !== true)
    config["hermes:agents"] = Object.fromEntries(agents.map(([id, agent]) => [id, withoutBindings(agent)]));
  for (const [path, value] of Object.entries(request.set ?? {})) setPath(config, path, value);
  const { expires, origin, idle } = request.lifetime;
  return {
    ...Object.fromEntries(Object.entries(parent).filter(([key]) => !KEYS_OF_ENGINE.includes(key))),
    config: {
      ...config,
      "hermes:mcpServers": withoutSecrets(config["hermes:mcpServers"]),
      "hermes:tailnet": { ...asMap(config["hermes:tailnet"]), hostname: baseName(request.stack), ephemeral: true },
      "hermes:volumeGiB": 0,
      "hermes:sandbox": { expires: toTheSecond(expires), origin, ...(idle === undefined ? {} : { idle }) },
      [SANDBOX_OF]: request.of,
    },
  };
}

/** A sandbox in which nothing of what is restored can reach anybody. */
export function drillFile(parent: StackFile, request: FileRequest): StackFile {
  const { config = {}, ...rest } = sandboxFile(parent, request);
  const quiet = Object.entries(config).filter(([key]) => !LEFT_OUT_OF_DRILL.includes(hermesKey(key) ?? ""));
  const settings = { "hermes:ollama": "off", "hermes:verify": { agentTurn: false } };
  return { ...rest, config: { ...Object.fromEntries(quiet), ...settings } };
}

export const toTheSecond = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, "Z");

/** A map over a map, key by key; anything else in its place. */
function laidOver(stands: unknown, value: unknown): unknown {
  const [under, over] = [asMap(stands), asMap(value)];
  return Object.keys(over).length === 0 ? value : { ...under, ...over };
}

/** `models.primary` into `hermes:models`, over whatever map stands there. */
function setPath(config: Record<string, unknown>, path: string, value: unknown): void {
  const [first = "", ...rest] = path.replace(/^hermes:/, "").split(".");
  const key = `hermes:${first}`;
  config[key] = rest.length === 0 ? value : nested(config[key], rest, value);
}

const nested = (stands: unknown, [first = "", ...rest]: string[], value: unknown): unknown => ({
  ...asMap(stands),
  [first]: rest.length === 0 ? value : nested(asMap(stands)[first], rest, value),
});

const withoutBindings = (agent: unknown): unknown =>
  Object.fromEntries(Object.entries(asMap(agent)).filter(([key]) => key !== "bindings"));

/** Those that need a secret of the stack's cannot run without it. */
const withoutSecrets = (servers: unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(asMap(servers)).filter(([, server]) => !refersToSecret(server)));

function refersToSecret(server: unknown): boolean {
  const values = ["env", "headers"].flatMap((key) => Object.values(asMap(asMap(server)[key])));
  return values.some((value) => typeof asMap(value)["secret"] === "string");
}

/** MCP servers of the stack that its sandbox goes without. */
export const leftOutServers = (parent: StackFile): string[] =>
  Object.entries(asMap(parent.config?.["hermes:mcpServers"]))
    .filter(([, server]) => refersToSecret(server))
    .map(([name]) => name);
