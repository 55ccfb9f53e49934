import { baseName, HOSTNAME_MAX, resourceNames, VOLUME_NAME_MAX } from "../lib/names";
import type { Catalogue } from "../planner/catalogue";
import { readAccess } from "./access";
import { isAgeRecipient } from "./age-key";
import { readAgents } from "./agents";
import { readBackup } from "./backup";
import { hidesCredential } from "./credentials";
import { DEFAULTS, KEY_NAMES } from "./keys";
import { checkLocalModel, checkMemory, readLocalModel, readOllama } from "./local-model";
import { readMachine } from "./machine";
import { readMcpServers } from "./mcp";
import { readModels } from "./models";
import { checkBudget, readPolicy } from "./policy";
import { checkPorts } from "./ports";
import type { Problem } from "./problem";
import { isAbsent, Reader } from "./reader";
import { checkSandbox, readSandbox } from "./sandbox";
import { checkSecrets } from "./secrets";
import type { HermesConfig, TailnetConfig, TelegramConfig } from "./types";
import { unknownKey } from "./unknown-keys";
import { readUrl } from "./urls";
import { readNode, readOpenclaw, readSources } from "./versions";
import type { Workspace } from "./workspace";
import { readByYaml11 } from "./yaml";

/** What the rules look at beside the values of the file. */
export interface CheckContext {
  /** Pulumi stack name. */
  stack: string;
  catalogue: Catalogue;
  /** What stands at a path below the project. */
  workspace: (folder: string) => Workspace;
  /** Secret values by name: looked at, never printed. */
  secrets: Record<string, unknown>;
  /** Names of secrets that stand in plain text in the stack's file. */
  plainSecrets?: readonly string[];
  /** Keys that stand there under another name, which is told elsewhere: that they are missing is not. */
  meant?: readonly string[];
  /** Top-level keys in the order of the stack's file; problems are told in it. */
  order?: readonly string[];
  /** What the stack's file has at a key, such as `hermes:mcpServers.x.args[1]`, before YAML made a number of it. */
  spelling?: ((key: string) => string | undefined) | undefined;
}

export interface CheckResult {
  /** Fit for use only when there is no problem. */
  config: HermesConfig;
  problems: Problem[];
}

/**
 * Every rule of the configuration, none of which stops at the first fault.
 * @param raw values of the `hermes:` namespace by key, without `secrets`.
 */
export function checkConfig(raw: Record<string, unknown>, context: CheckContext): CheckResult {
  // Not secret: the public half of the backup key, if someone set it in place of the private half.
  const isSecret = (value: unknown): value is string => typeof value === "string" && !isAgeRecipient(value);
  const reader = new Reader(Object.values(context.secrets).filter(isSecret), context.spelling);
  for (const name of [...(context.meant ?? []), ...rejectUnknown(reader, raw)]) reader.setUnread(`hermes:${name}`);
  checkNames(reader, context.stack);
  const use = { names: Object.keys(context.secrets), referenced: new Set<string>(), meant: new Set<string>() };
  const machine = readMachine(reader, raw, context.catalogue);
  const telegram = readTelegram(reader, raw["telegram"]);
  const node = readNode(reader, raw["node"]);
  const openclaw = readOpenclaw(reader, raw["openclaw"]);
  const verify = reader.map("hermes:verify", raw["verify"], ["agentTurn"]);
  const models = readModels(reader, raw["models"]);
  const hasTelegram = telegram !== undefined || reader.isUnread("hermes:telegram");
  const agents = readAgents(reader, raw["agents"], { workspace: context.workspace, telegram: hasTelegram });
  const sandbox = readSandbox(reader, raw["sandbox"], context.stack);
  const own = Object.values(agents).flatMap(({ model }) => (model === undefined ? [] : [model]));
  const named = [models.primary, ...models.fallbacks, ...own];
  const config: HermesConfig = {
    stack: context.stack,
    ...machine,
    growDisk: reader.boolean("hermes:growDisk", raw["growDisk"], DEFAULTS.growDisk) ?? false,
    ipv6: reader.boolean("hermes:ipv6", raw["ipv6"], DEFAULTS.ipv6) ?? true,
    access: readAccess(reader, raw["access"], raw["adminCidrs"]),
    tailnet: readTailnet(reader, raw["tailnet"], context.stack),
    openclaw,
    node,
    models,
    ollama: readOllama(
      reader,
      raw["ollama"],
      named.some((model) => model.startsWith("ollama/")),
    ),
    localModel: readLocalModel(reader, raw["localModel"], [models.primary, ...models.fallbacks, ...own]),
    agents,
    mcpServers: readMcpServers(reader, raw["mcpServers"], use),
    ...(telegram ? { telegram } : {}),
    backup: readBackup(reader, raw["backup"], context.stack),
    verify: { agentTurn: reader.boolean("hermes:verify.agentTurn", verify["agentTurn"], DEFAULTS.agentTurn) ?? true },
    policy: readPolicy(reader, raw["policy"]),
    bootstrapRevision: readRevision(reader, raw["bootstrapRevision"]),
    sources: readSources(reader, raw["sources"], { node: node.version, openclaw: openclaw.version }),
    ...(sandbox ? { sandbox } : {}),
  };
  for (const name of KEY_NAMES) checkPlainValue(reader, `hermes:${name}`, raw[name]);
  checkEphemeral(reader, config);
  checkSandbox(reader, config);
  checkLocalModel(reader, config, context.catalogue);
  checkMemory(reader, config, context.catalogue);
  checkBudget(reader, config, context.catalogue);
  const needed = neededSecrets(config);
  const { recipient } = config.backup;
  checkSecrets(reader, context.secrets, { needed, recipient, ...use, plain: context.plainSecrets ?? [] });
  return { config, problems: inOrder(reader.problems, context.order ?? []) };
}

/** @returns the keys that were meant */
function rejectUnknown(reader: Reader, raw: Record<string, unknown>): string[] {
  const unknown = Object.keys(raw).filter((name) => !(KEY_NAMES as string[]).includes(name));
  const found = unknown.map((name) => unknownKey(name, raw[name], raw));
  reader.problems.push(...found.map(({ problem }) => problem));
  return found.flatMap(({ means = "" }) => means.split(" "));
}

/** The stack's name becomes that of everything: it must fit the narrowest of them. */
export function checkNames(reader: Reader, stack: string): void {
  const { volume } = resourceNames(stack);
  const max = VOLUME_NAME_MAX - (volume.length - stack.length);
  const wrong = !/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(stack)
    ? "it has characters that a volume's name may not have"
    : volume.length > VOLUME_NAME_MAX
      ? `the volume's name, ${volume}, would have ${volume.length} characters`
      : stack === "sandbox"
        ? "Pulumi.sandbox.yaml is the template of sandboxes, and hermes-sandbox the tag of them all"
        : undefined;
  if (wrong === undefined) return;
  const allowed = `Lower-case letters, digits and -, a letter first, no - at the end, at most ${max}.`;
  reader.reject("the stack's name", stack, wrong, allowed, "Choose another name: pulumi stack rename NAME.");
}

const LABEL = new RegExp(`^(?=.{1,${HOSTNAME_MAX}}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$`);

function readTailnet(reader: Reader, value: unknown, stack: string): TailnetConfig {
  const key = "hermes:tailnet";
  const map = reader.map(key, value, ["tag", "hostname", "loginServer", "ephemeral"]);
  const tag = reader.text(`${key}.tag`, map["tag"], {
    default: DEFAULTS.tailnetTag,
    pattern: /^(?=.{1,255}$)tag:[a-zA-Z][a-zA-Z0-9-]*$/,
    allowed: 'A tag of the tailnet\'s policy: "tag:" and letters, digits and -, a letter first.',
    fix: `Write "${DEFAULTS.tailnetTag}".`,
  });
  const hostname = reader.name(`${key}.hostname`, map["hostname"], {
    default: baseName(stack),
    pattern: LABEL,
    allowed: `A host name label: lower-case letters, digits and - inside, at most ${HOSTNAME_MAX}; tailnet and droplet get it.`,
    fix: `Write ${labelIn(map["hostname"]) ?? baseName(stack)}; it must be the only node of that name in the tailnet.`,
  });
  const loginServer = isAbsent(map["loginServer"]) ? undefined : readLoginServer(reader, map["loginServer"]);
  const ephemeral = reader.boolean(`${key}.ephemeral`, map["ephemeral"], false) === true;
  return {
    tag: tag ?? "",
    hostname: hostname ?? "",
    ...(loginServer === undefined ? {} : { loginServer }),
    ...(ephemeral ? { ephemeral } : {}),
  };
}

/** `hermes` of `hermes.tail1234.ts.net`, `my-hermes` of `My_Hermes`. */
function labelIn(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const label = (value.split(".")[0] ?? "")
    .trim()
    .toLowerCase()
    .replace(/[_\s]+/g, "-");
  return LABEL.test(label) && !hidesCredential(label) && readByYaml11(label) === undefined ? label : undefined;
}

/** A volume is there to bring its node back; a node that the tailnet forgets cannot come back. */
function checkEphemeral(reader: Reader, { tailnet, volumeGiB }: HermesConfig): void {
  if (tailnet.ephemeral !== true || volumeGiB === 0) return;
  const allowed = "A node that the tailnet forgets goes with a droplet that keeps nothing: volumeGiB 0.";
  const fix = "Remove ephemeral, or set hermes:volumeGiB to 0 (a sandbox).";
  reader.reject("hermes:tailnet.ephemeral", true, "the volume would keep an identity that is gone", allowed, fix);
}

function readLoginServer(reader: Reader, value: unknown): string | undefined {
  const key = "hermes:tailnet.loginServer";
  const rule = {
    allowed: "The https URL of a control server, without path, such as https://headscale.example.com.",
    fix: "Leave the key out to use Tailscale's own.",
  };
  const url = readUrl(reader, key, value, rule);
  if (url === undefined) return undefined;
  const server = new URL(url);
  // As it was written where that is right: another spelling would replace the droplet.
  const isPlain = /^https:\/\/[^A-Z]*$/.test(url);
  if (server.pathname === "/" && server.search === "" && server.hash === "")
    return isPlain ? url.replace(/\/$/, "") : server.origin;
  const fix = `Write ${server.origin}.`;
  reader.reject(key, url, "it has a path, a query or a fragment", rule.allowed, fix);
  return undefined;
}

export function readTelegram(reader: Reader, value: unknown): TelegramConfig | undefined {
  const key = "hermes:telegram";
  const map = reader.map(key, value, ["ownerId"]);
  if (Object.keys(map).length === 0) return undefined;
  const ownerId = reader.text(`${key}.ownerId`, map["ownerId"], {
    pattern: /^[1-9]\d{0,18}$/,
    allowed: "Your Telegram user id: digits, in quotes.",
    fix: 'Write the number that @userinfobot tells you, such as "123456789"; without Telegram remove hermes:telegram.',
  });
  return { ownerId: ownerId ?? "" };
}

function readRevision(reader: Reader, value: unknown): number {
  const revision = reader.integer("hermes:bootstrapRevision", value, {
    default: DEFAULTS.bootstrapRevision,
    min: 1,
    max: 1_000_000,
    allowed: "A whole number from 1; one more than before replaces the droplet, state on the volume stays.",
    fix: "Write 1; of a stack that is up, the number that stood there, or one more.",
  });
  return revision ?? DEFAULTS.bootstrapRevision;
}

function neededSecrets(config: HermesConfig) {
  const models = [config.models.primary, ...config.models.fallbacks];
  for (const { model } of Object.values(config.agents)) if (model !== undefined) models.push(model);
  const openrouter = models.find((model) => model.startsWith("openrouter/"));
  return {
    ...(openrouter ? { openrouterApiKey: `hermes:models names ${openrouter}` } : {}),
    ...(config.telegram ? { telegramBotToken: "hermes:telegram is set" } : {}),
    gatewayToken: "whoever talks to the gateway shows it",
    deployKey: "pulumi logs in to the droplet with it",
    hostKey: "hermes sends secrets only to a machine that shows this key; a running droplet gets it in place",
    ...(config.backup.to === undefined ? {} : BACKUP_SECRETS),
  };
}

const BACKUP_SECRETS = {
  backupS3KeyId: "it opens the bucket of hermes:backup.to",
  backupS3Secret: "it opens the bucket of hermes:backup.to",
};

/** What no value may hold, whatever its key: the closed ports, and secrets. */
function checkPlainValue(reader: Reader, key: string, value: unknown): void {
  if (isAbsent(value)) return;
  checkPorts(reader, key, value);
  const isTold = reader.problems.some((problem) => problem.key.startsWith(key) && problem.found === "[secret]");
  if (isTold || !reader.holdsSecret(JSON.stringify(value))) return;
  reader.add(
    key,
    "holds the value of a secret in plain text",
    "Secrets stand in hermes:secrets only.",
    "Refer to it by name, or remove it; and make a new one if the file was ever shared.",
  );
}

/** Problems sorted by their top-level key: the file's order, then the schema's; the order of finding within a key. */
export function inOrder(problems: readonly Problem[], order: readonly string[]): Problem[] {
  const rank = new Map<string, number>();
  for (const name of [...order, ...KEY_NAMES]) if (!rank.has(name)) rank.set(name, rank.size);
  const of = ({ key }: Problem) => {
    const name = /^hermes:([^.[]+)/.exec(key)?.[1];
    return name === undefined ? -1 : (rank.get(name) ?? rank.size);
  };
  return [...problems].sort((a, b) => of(a) - of(b));
}
