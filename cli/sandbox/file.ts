import { baseName } from "../../config/names";
import { asMap } from "../plan/stack-values";

/** A Pulumi.STACK.yaml: `config`, and whatever else the engine keeps there. */
export interface StackFile {
  config?: Record<string, unknown>;
  [key: string]: unknown;
}

/** Says in a sandbox's own file that it is one, and of which stack: what has no such line is never removed. */
export const SANDBOX_OF = "hermes-sandbox:of";

/** The stack's own, which a sandbox must not share: its identity, its bot, its bucket. */
const LEFT_OUT = ["secrets", "telegram", "backup", "bootstrapRevision", "volumeGiB"];
/** What a drill has no need of: whoever the restored agents could talk to, and what takes minutes to pull. */
const LEFT_OUT_OF_DRILL = ["mcpServers", "localModel"];
/** What the engine encrypts by, made anew for each stack. */
const KEYS_OF_ENGINE = ["config", "encryptionsalt", "encryptedkey"];

/** A stack may be named with its organisation and project; its file and what it makes are not. */
export const shortName = (stack: string): string => stack.split("/").at(-1) ?? stack;

export const hermesKey = (key: string): string | undefined => /^hermes:(?:config:)?(.+)$/.exec(key)?.[1];

export const isSecure = (value: unknown): boolean => typeof asMap(value)["secure"] === "string";

/** Keys outside of hermes' own whose value is encrypted, such as a provider's token: a sandbox needs them, encrypted anew. */
export const secureKeys = ({ config = {} }: StackFile): string[] =>
  Object.keys(config).filter((key) => hermesKey(key) === undefined && isSecure(config[key]));

/**
 * The file of a sandbox beside a stack: the same program and machine, without a volume, under a host name of its own that
 * the tailnet forgets by itself, without Telegram, backups and the stack's secrets.
 */
export function sandboxFile(parent: StackFile, { of, name }: { of: string; name: string }): StackFile {
  const config: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(parent.config ?? {})) {
    const ours = hermesKey(key);
    if (ours === undefined ? !isSecure(value) : !LEFT_OUT.includes(ours))
      config[ours === undefined ? key : `hermes:${ours}`] = value;
  }
  const tailnet = asMap(config["hermes:tailnet"]);
  const agents = Object.entries(asMap(config["hermes:agents"])).map(([id, agent]) => [id, withoutBindings(agent)]);
  return {
    ...Object.fromEntries(Object.entries(parent).filter(([key]) => !KEYS_OF_ENGINE.includes(key))),
    config: {
      ...config,
      ...(agents.length === 0 ? {} : { "hermes:agents": Object.fromEntries(agents) as unknown }),
      "hermes:tailnet": { ...tailnet, hostname: hostnameOf(tailnet["hostname"], of, name), ephemeral: true },
      "hermes:volumeGiB": 0,
      [SANDBOX_OF]: of,
    },
  };
}

/** A sandbox in which nothing of what is restored can reach anybody. */
export function drillFile(parent: StackFile, names: { of: string; name: string }): StackFile {
  const { config = {}, ...rest } = sandboxFile(parent, names);
  const quiet = Object.entries(config).filter(([key]) => !LEFT_OUT_OF_DRILL.includes(hermesKey(key) ?? ""));
  const settings = { "hermes:ollama": "off", "hermes:verify": { agentTurn: false } };
  return { ...rest, config: { ...Object.fromEntries(quiet), ...settings } };
}

const withoutBindings = (agent: unknown): unknown =>
  Object.fromEntries(Object.entries(asMap(agent)).filter(([key]) => key !== "bindings"));

/** `hermes` and stack `hermes-drill` of `hermes`: `hermes-drill`. */
function hostnameOf(parent: unknown, of: string, name: string): string {
  const base = typeof parent === "string" ? parent : baseName(shortName(of));
  return name.startsWith(`${of}-`) ? base + name.slice(of.length) : `${base}-${shortName(name)}`;
}
