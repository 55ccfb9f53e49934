import { isDeepStrictEqual } from "node:util";
import type { Birth } from "../components/bootstrap-id";
import { changedAtBirth, isAnotherNode, replacementWords, resizeWords } from "../changes/ahead";
import type { OnDroplet } from "../changes/effects";
import { isMap } from "../digitalocean/account";
import { effectsOf, type Effects } from "./on-droplet";
import { OPENCLAW_CONFIG, WORKSPACES_DIR } from "../gateway/paths";
import { fileChanges, linesOf, type Bundles, type FileChange } from "./bundle";
import { find, textOf, TYPE, type Change, type Stack } from "./stack";
import { code, listed, prose } from "./text";

/** What becomes of the machine and of the gateway on it. */
export interface Fate {
  /** The gravest. */
  effect: OnDroplet | "created" | "destroyed";
  /** The preview hides what would tell: this is the worst that it can be. */
  unsure?: boolean;
  /** State is on no volume, or the volume goes. */
  losesState: boolean;
  /** The tailnet will know another node. */
  anotherNode: boolean;
  /** Sentences in Markdown. */
  words: string[];
}

export function fateOf(stack: Stack, bundles: Bundles): Fate {
  const droplet = stack.changes.find(({ type }) => type === TYPE.droplet);
  const volume = stack.changes.find(({ type }) => type === TYPE.volume);
  switch (droplet?.action) {
    case "create":
      return created(stack, droplet);
    case "delete":
      return destroyed(stack, volume);
    case "replace":
      return replaced(stack, droplet);
    default:
      return inPlace(stack, bundles, { droplet, volume });
  }
}

const hasVolume = (resources: Stack["before"]): boolean => find(resources.values(), TYPE.volume) !== undefined;
/** Where not all is known, the droplet says what is attached to it. */
const isKept = (stack: Stack, { before, after }: Change): boolean =>
  stack.whole
    ? hasVolume(stack.before) && hasVolume(stack.after)
    : [before, after].every((one) => Array.isArray(one?.inputs?.["volumeIds"]) && one.inputs["volumeIds"].length > 0);

function created(stack: Stack, droplet: Change): Fate {
  const kept = hasVolume(stack.after) || isAttached(droplet);
  return {
    ...{ effect: "created", losesState: false, anotherNode: false },
    words: [
      "A new droplet; it takes some 5 minutes until the gateway is ready and an agent has answered.",
      kept
        ? "State (sessions, memory, pairing, workspaces) will be on the volume."
        : "There is no volume: state will be on the droplet's own disk, and die with it.",
    ],
  };
}

const isAttached = ({ after }: Change): boolean =>
  (after?.inputs?.["volumeIds"] as unknown[] | undefined)?.length !== 0;

function destroyed(stack: Stack, volume: Change | undefined): Fate {
  const stays = volume === undefined && hasVolume(stack.after);
  return {
    ...{ effect: "destroyed", losesState: !stays, anotherNode: true },
    words: [
      "The gateway goes, and its agents answer no more.",
      stays
        ? "The volume stays, and with it sessions, memory, pairing and workspaces: the next `pulumi up` finds them."
        : "All state (sessions, memory, pairing, workspaces, the tailnet node) is LOST. Save it before: `hermes backup`.",
    ],
  };
}

function replaced(stack: Stack, droplet: Change): Fate {
  const kept = isKept(stack, droplet);
  const born = bornOf(stack);
  const id = droplet.before?.id ?? "?";
  const words =
    born.length > 0
      ? replacementWords({ droplet: id, born, kept })
      : `Droplet ${id} is replaced by a new one, about 5 minutes down. ${kept ? "The volume stays, and with it sessions, memory, pairing and workspaces." : "All state on its own disk is LOST. Save it before: hermes backup."}`;
  return {
    effect: "new droplet",
    losesState: !kept,
    anotherNode: !kept || isAnotherNode(born),
    words: [prose(words)],
  };
}

/** What a droplet was given at birth, and what it would be given. */
export function bornOf(stack: Stack): (keyof Birth)[] {
  const given = (resources: Stack["before"], side: "inputs" | "outputs"): Birth | undefined => {
    const stash = find(resources.values(), TYPE.stash, "-birth");
    const value =
      side === "inputs" ? stash?.inputs?.["input"] : (stash?.outputs?.["output"] ?? stash?.inputs?.["input"]);
    return isMap(value) && isMap(value["given"]) ? (value["given"] as unknown as Birth) : undefined;
  };
  const [before, after] = [given(stack.before, "outputs"), given(stack.after, "inputs")];
  return before === undefined || after === undefined ? [] : changedAtBirth(before, after);
}

function inPlace(
  stack: Stack,
  bundles: Bundles,
  { droplet, volume }: { droplet: Change | undefined; volume: Change | undefined },
): Fate {
  const size = droplet === undefined ? undefined : resized(droplet);
  const files = fileChanges(bundles);
  const did = (suffix: string): boolean =>
    stack.changes.some(
      ({ type, name, action }) => type === TYPE.command && name.endsWith(suffix) && action !== "delete",
    );
  const config = configFate(bundles, files);
  const secrets = did("-secrets") ? secretsFate : undefined;
  const all = [
    ...(size === undefined ? [] : [{ effect: "reboot" as const, words: [prose(size)] }]),
    ...(config === undefined ? [] : [config]),
    ...(secrets === undefined ? [] : [secrets]),
    ...(volume?.action === "update" ? [volumeGrows(volume)] : []),
    ...(did("-program") ? [{ effect: "files" as const, words: ["`hermes-apply` on the droplet is renewed."] }] : []),
  ];
  const gravest = GRAVITY.find((effect) => all.some((one) => one.effect === effect)) ?? "nothing";
  const goes = volume?.action === "delete" || volume?.action === "replace";
  return {
    effect: gravest,
    unsure: !all.some((one) => one.effect === gravest && one !== secrets),
    losesState: goes,
    anotherNode: false,
    words: [
      ...(goes
        ? ["The volume goes: sessions, memory, pairing and workspaces are LOST. Save them before: `hermes backup`."]
        : []),
      ...all.flatMap(({ words }) => words),
    ],
  };
}

/** The gravest first. */
const GRAVITY: readonly OnDroplet[] = ["new droplet", "reboot", "restart", "beside", "hot", "files"];

interface Part {
  effect: OnDroplet;
  words: string[];
}

function resized({ before, after }: Change): string | undefined {
  const [from, to] = [before, after].map((one) => textOf(one?.inputs?.["size"]));
  if (from === undefined || to === undefined || from === to) return undefined;
  const disk = before?.outputs?.["disk"];
  const grows = after?.inputs?.["resizeDisk"] === true;
  return resizeWords({
    ...{ droplet: before?.id ?? "?", from, to },
    ...(typeof disk === "number" && !grows ? { disk: { from: disk, to: disk } } : {}),
  });
}

const volumeGrows = ({ before, after }: Change): Part => ({
  effect: "beside",
  words: [
    `The volume grows from ${String(before?.inputs?.["size"])} to ${String(after?.inputs?.["size"])} GiB, mounted, and the gateway goes on. It can never shrink.`,
  ],
});

/** The preview hides which of them it is, so what it brings is the worst. */
const secretsFate: Part = {
  effect: "restart",
  words: [
    "The bundle `secrets` changed; which secret, and its value, a preview does not show. OpenRouter's key and Telegram's token are taken hot; the gateway's token and those of MCP headers restart the gateway once.",
  ],
};

/** As hermes-apply will see it: the least that makes the changed files count. */
function configFate({ before, after }: Bundles, files: readonly FileChange[]): Part | undefined {
  if (before === undefined || after === undefined) return undefined;
  const links = (["openclaw", "node"] as const).filter(
    (name) => versionOf(before.rest[name]) !== versionOf(after.rest[name]),
  );
  if (files.length === 0 && isDeepStrictEqual(before.rest, after.rest)) return undefined;
  const changes = [
    ...files.map((change) => ({ path: pathOf(change), wanted: wantedOf(change) })),
    ...links.map((name) => ({ path: `/opt/${name}/current`, wanted: { kind: "link" as const, target: "" } })),
  ];
  const effects = effectsOf(changes, [], configDiffers(files));
  return partOf(effects, { files, links });
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
  const agents = [...new Set(files.flatMap(({ agent }) => agent ?? []))];
  const beside = [
    ...(effects.nftables ? ["the droplet's own firewall (nftables)"] : []),
    ...(effects.agent ? ["the agents' account"] : []),
    ...(effects.backupTimer ? ["the backups' timer"] : []),
    ...(effects.swap ? ["the swap file"] : []),
    ...(effects.journald ? ["the journal's settings"] : []),
  ];
  const words = [
    ...(effects.gateway === "restart"
      ? ["The gateway restarts once, half a minute; sessions stay."]
      : effects.gateway === "reload"
        ? ["The gateway takes `openclaw.json` hot: the same process, no failed probe."]
        : []),
    ...(links.length > 0 ? [`Another version of ${listed(links)} is installed beside the one that runs.`] : []),
    ...(agents.length > 0
      ? [
          `Files in the workspace of ${listed(agents.map(code))} are replaced: live in the next turn, no process restarts for them.`,
        ]
      : []),
    ...(beside.length > 0 ? [`Made anew in place: ${listed(beside)}.`] : []),
  ];
  const effect =
    effects.gateway === "restart"
      ? "restart"
      : effects.gateway === "reload"
        ? "hot"
        : beside.length > 0
          ? "beside"
          : "files";
  return { effect, words: words.length > 0 ? words : ["Files on the droplet are replaced; no process hears of it."] };
}
