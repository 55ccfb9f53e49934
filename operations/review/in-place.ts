import { isDeepStrictEqual } from "node:util";
import { OPENCLAW_CONFIG, WORKSPACES_DIR } from "../../gateway/paths";
import { isMap } from "../../lib/maps";
import type { OnDroplet } from "../preflight/effects";
import { resizeWords } from "../preflight/planned-changes";
import { fileChanges, linesOf, type Bundles, type FileChange } from "./bundle";
import { effectsOf, type Effects } from "./on-droplet";
import { textOf, TYPE, type Change, type Stack } from "./stack";
import { code, listed, prose } from "./text";

/** One thing that happens on a droplet that stays. */
interface Part {
  effect: OnDroplet;
  /** Sentences in Markdown. */
  words: string[];
}

/** The gravest first. */
const GRAVITY: readonly OnDroplet[] = ["reboot", "restart", "beside", "hot", "files"];

/** What happens on a droplet that stays, the gravest of it, and whether that is sure. */
export function inPlace(stack: Stack, bundles: Bundles): Part & { unsure: boolean } {
  const of = (type: string) => stack.changes.filter((one) => one.type === type);
  const commands = of(TYPE.command).filter(({ action }) => action !== "delete");
  const secrets = commands.some((one) => one.name.endsWith("-secrets") && isFed(one));
  const parts = [
    ...of(TYPE.droplet).map(resized),
    configPart(bundles, fileChanges(bundles)),
    secrets ? SECRETS : undefined,
    ...of(TYPE.volume).map(grown),
    commands.some(({ name }) => name.endsWith("-local-model")) ? LOCAL_MODEL : undefined,
    commands.some((one) => one.name.endsWith("-program") && isFed(one)) ? PROGRAM : undefined,
  ].filter((part) => part !== undefined);
  const effect = GRAVITY.find((each) => parts.some((part) => part.effect === each)) ?? "nothing";
  return {
    effect,
    unsure: secrets && parts.every((part) => part === SECRETS || part.effect !== effect),
    words: parts.flatMap(({ words }) => words),
  };
}

/** Given something else, not only run again because it logs in anew. */
const isFed = ({ action, step }: Change): boolean =>
  action === "create" || [...Object.keys(step.detailedDiff ?? {}), ...(step.diffReasons ?? [])].includes("stdin");

const PROGRAM: Part = { effect: "files", words: ["`hermes-apply` on the droplet is renewed."] };
const LOCAL_MODEL: Part = {
  effect: "beside",
  words: ["The local model is installed or exchanged beside the gateway: a download of some minutes."],
};

function resized({ before, after }: Change): Part | undefined {
  const [from, to] = [before, after].map((one) => textOf(one?.inputs?.["size"]));
  if (from === undefined || to === undefined || from === to) return undefined;
  const disk = before?.outputs?.["disk"];
  const grows = after?.inputs?.["resizeDisk"] === true;
  const words = resizeWords({
    ...{ droplet: before?.id ?? "?", from, to },
    ...(typeof disk === "number" && !grows ? { disk: { from: disk, to: disk } } : {}),
  });
  return { effect: "reboot", words: [prose(words)] };
}

function grown({ action, before, after }: Change): Part | undefined {
  const [from, to] = [before, after].map((one) => one?.inputs?.["size"]);
  if (action !== "update" || typeof from !== "number" || typeof to !== "number" || from === to) return undefined;
  const words = `The volume grows from ${from} to ${to} GiB, mounted, and the gateway goes on. It can never shrink.`;
  return { effect: "beside", words: [words] };
}

/** The preview hides which of them it is, so what it brings is the worst. */
const SECRETS: Part = {
  effect: "restart",
  words: [
    "The bundle `secrets` changed; which secret, and its value, a preview does not show. OpenRouter's key and Telegram's token are taken hot; the gateway's token and those of MCP headers restart the gateway once.",
  ],
};

/** As hermes-apply will see it: the least that makes the changed files count. */
function configPart({ before, after }: Bundles, files: readonly FileChange[]): Part | undefined {
  if (before === undefined || after === undefined) return undefined;
  const links = (["openclaw", "node"] as const).filter(
    (name) => versionOf(before.rest[name]) !== versionOf(after.rest[name]),
  );
  if (files.length === 0 && isDeepStrictEqual(before.rest, after.rest)) return undefined;
  const changes = [
    ...files.map((change) => ({ path: pathOf(change), wanted: wantedOf(change) })),
    ...links.map((name) => ({ path: `/opt/${name}/current`, wanted: { kind: "link" as const, target: "" } })),
  ];
  return partOf(effectsOf(changes, [], configDiffers(files)), { files, links });
}

const pathOf = ({ path, agent }: FileChange): string =>
  agent === undefined ? path : `${WORKSPACES_DIR}/${agent}/${path}`;

function wantedOf(change: FileChange) {
  if (change.after === undefined) return { kind: "absent" as const };
  const content = Buffer.from(linesOf(change.after)?.join("\n") ?? "");
  return { kind: "file" as const, content, mode: 0, uid: 0, gid: 0 };
}

const versionOf = (value: unknown): unknown => (isMap(value) ? value["version"] : undefined);

function configDiffers(files: readonly FileChange[]): boolean {
  const config = files.find(({ path, agent }) => path === OPENCLAW_CONFIG && agent === undefined);
  if (config === undefined) return false;
  try {
    const [before, after] = [config.before, config.after].map((file): unknown =>
      JSON.parse(linesOf(file)?.join("\n") ?? ""),
    );
    return !isDeepStrictEqual(before, after);
  } catch {
    return true;
  }
}

function partOf(effects: Effects, { files, links }: { files: readonly FileChange[]; links: readonly string[] }): Part {
  const agents = [...new Set(files.flatMap(({ agent }) => agent ?? []))].map((agent) => code(agent));
  const beside = Object.entries(BESIDE).flatMap(([name, what]) => (effects[name as keyof typeof BESIDE] ? [what] : []));
  const words = [
    GATEWAY[effects.gateway] ?? "",
    links.length === 0 ? "" : `Another version of ${listed(links)} is installed beside the one that runs.`,
    agents.length === 0
      ? ""
      : `Files in the workspace of ${listed(agents)} are replaced: live in the next turn, without a restart.`,
    beside.length === 0 ? "" : `Made anew in place: ${listed(beside)}.`,
  ].filter((each) => each !== "");
  return {
    effect: EFFECT[effects.gateway] ?? (beside.length > 0 ? "beside" : "files"),
    words: words.length > 0 ? words : ["Files on the droplet are replaced; no process hears of it."],
  };
}

const EFFECT: Partial<Record<Effects["gateway"], OnDroplet>> = { restart: "restart", reload: "hot" };
const GATEWAY: Partial<Record<Effects["gateway"], string>> = {
  restart: "The gateway restarts once, half a minute; sessions stay.",
  reload: "The gateway takes `openclaw.json` hot: the same process, no failed probe.",
};
const BESIDE = {
  nftables: "the droplet's own firewall (nftables)",
  agent: "the agents' account",
  backupTimer: "the backups' timer",
  swap: "the swap file",
  journald: "the journal's settings",
} as const;
