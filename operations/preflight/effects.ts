import { KEY_NAMES, type Key } from "../../config/keys";
import type { KNOWN_SECRETS } from "../../config/types";

/**
 * A resource of the stack and what becomes of it. Commands go by what they do on the droplet: `config` and `secrets`
 * stage a bundle, `activate` makes it the one that runs, `node` waits for the tailnet node.
 */
export type Step = `${"create" | "update" | "replace" | "delete"} ${string}`;

/** What happens to OpenClaw on the droplet. */
export type OnDroplet =
  | "nothing"
  /** Files are written; no process hears of it. */
  | "files"
  /** The running process takes it: same process, no failed probe. */
  | "hot"
  /** One restart of the gateway, half a minute. Sessions stay. */
  | "restart"
  /** Beside the gateway, which goes on. */
  | "beside"
  /** The machine is switched off and on. */
  | "reboot"
  /** A new machine; state on the volume stays. */
  | "new droplet"
  /** Refused at preview. */
  | "refused";

/** What `up` does for one edit of the stack's configuration. */
export interface Effect {
  key: Key;
  /** The edit, for people; unique. */
  edit: string;
  steps: readonly Step[];
  droplet: OnDroplet;
  note?: string;
}

const CONFIG: readonly Step[] = ["update config", "update activate"];
const SECRETS: readonly Step[] = ["update secrets", "update activate"];
const BIRTH: readonly Step[] = [
  ...(["replace TailnetKey", "replace Stash", "replace Droplet", "replace node", "replace host-key"] as const),
  ...(["replace program", "replace config", "replace secrets", "replace activate"] as const),
];
/** Every command logs in anew, which runs it again; what it does then is nothing where nothing else changed. */
const LOGIN: readonly Step[] = [
  ...(["update host-key", "update program", "update config", "update secrets", "update activate"] as const),
];
/** The name in the tailnet is vacated before the new node comes. */
const BIRTH_ELSEWHERE: readonly Step[] = ["replace slot", ...BIRTH];

type Row = Omit<Effect, "key">;
const row = (edit: string, steps: readonly Step[], droplet: OnDroplet, note?: string): Row => ({
  edit,
  steps,
  droplet,
  ...(note === undefined ? {} : { note }),
});

/** By name; what MCP servers refer to goes by the two ways in which it reaches them. */
const SECRET_ROWS: Readonly<Record<(typeof KNOWN_SECRETS)[number], readonly Row[]>> = {
  openrouterApiKey: [row("`secrets.openrouterApiKey`", SECRETS, "hot", "`openclaw secrets reload`")],
  telegramBotToken: [
    row(
      "`secrets.telegramBotToken`",
      SECRETS,
      "hot",
      "with `telegram`; the channel connects anew; another bot, another tag",
    ),
  ],
  gatewayToken: [row("`secrets.gatewayToken`", SECRETS, "restart")],
  deployKey: [
    row("`secrets.deployKey`", ["replace SshKey", ...LOGIN], "beside", "`./hermes rotate deployKey` first: recover.md"),
  ],
  deployKeyNext: [row("`secrets.deployKeyNext`", CONFIG, "files", "while `./hermes rotate` is under way")],
  hostKey: [row("`secrets.hostKey`", LOGIN, "nothing", "`./hermes rotate hostKey` first: recover.md")],
  hostKeyNext: [row("`secrets.hostKeyNext`", [], "nothing", "while `./hermes rotate` is under way")],
  backupKey: [row("`secrets.backupKey`", [], "nothing", "never on the droplet")],
  backupS3KeyId: [row("`secrets.backupS3KeyId`, with `backup.to`", SECRETS, "files", "the next backup reads it")],
  backupS3Secret: [row("`secrets.backupS3Secret`, with `backup.to`", SECRETS, "files", "the next backup reads it")],
};

const ROWS: Readonly<Record<Key, readonly Row[]>> = {
  region: [
    row("`region`, with a volume", [], "refused", "a volume cannot move: backup, new stack, restore"),
    row("`region`, without a volume", BIRTH, "new droplet", "state is LOST"),
  ],
  size: [
    row("`size`", ["update Droplet", ...CONFIG], "reboot", "memory and cores; limits and local model are planned anew"),
    row("`size` with a disk smaller than the droplet's", [], "refused"),
  ],
  growDisk: [
    row("`growDisk`", ["update Droplet"], "nothing", "no call: counts at the next change of `size`"),
    row("`growDisk` with `size`", ["update Droplet", ...CONFIG], "reboot", "the disk grows too, for ever"),
  ],
  image: [row("`image`", BIRTH, "new droplet")],
  swapGiB: [row("`swapGiB`", CONFIG, "restart", "the swap file first; the gateway for its share of it")],
  ipv6: [row("`ipv6`", BIRTH, "new droplet")],
  access: [row("`access`", ["update Firewall", ...BIRTH], "new droplet")],
  adminCidrs: [
    row("`adminCidrs`, with `access: ssh`", ["update Firewall", ...CONFIG], "beside", "cloud firewall and nftables"),
  ],
  tailnet: [
    row("`tailnet.hostname`", BIRTH_ELSEWHERE, "new droplet", "a new node"),
    row("`tailnet.tag`", BIRTH_ELSEWHERE, "new droplet", "a new node"),
    row("`tailnet.loginServer`", BIRTH, "new droplet", "a node of another tailnet"),
    row("`tailnet.ephemeral`, without a volume", BIRTH, "new droplet", "state is LOST"),
  ],
  openclaw: [
    row("`openclaw.version`", CONFIG, "restart", "installed beside, state copied first: upgrade.md"),
    row("`openclaw.before`", CONFIG, "nothing", "counts when a version is installed"),
  ],
  node: [row("`node.version`", CONFIG, "restart", "installed beside")],
  models: [
    row("`models.primary`", CONFIG, "hot"),
    row("`models.fallbacks`", CONFIG, "hot"),
    row("`models.allowUnknown`", [], "nothing", "a rule for the preview"),
    row("`models.allowPaid`", [], "nothing", "a rule for the preview"),
  ],
  ollama: [
    row("`ollama`, where no model fits", [], "nothing"),
    row("`ollama`, where one fits", [...CONFIG, "create local-model"], "restart", "for its limits; see ollama.md"),
  ],
  localModel: [
    row("`localModel.model`, where none fits", [], "nothing", "where one fits: as `ollama`"),
    row("`localModel.contextTokens`, where none fits", [], "nothing", "where one fits: as `ollama`"),
    row("`localModel.cacheType`, where none fits", [], "nothing", "where one fits: as `ollama`"),
  ],
  agents: [
    row("a file of `agents.*.workspace` (`SOUL.md`)", CONFIG, "files", "live in the next turn"),
    row("`agents.*`, one more", CONFIG, "hot", "the agents' account restarts"),
    row("`agents.*`, one less", CONFIG, "hot", "its workspace and sessions stay on the droplet"),
    row("`agents.*.model`", CONFIG, "hot"),
    row("`agents.*.bindings`", CONFIG, "hot"),
  ],
  mcpServers: [
    row("`mcpServers.*.command`, `mcpServers.*.args`, `mcpServers.*.env`", CONFIG, "hot"),
    row("`mcpServers.*.url`, `mcpServers.*.headers`", CONFIG, "hot"),
    row("a secret that `mcpServers.*.env` refers to", SECRETS, "hot", "the server's next start reads it"),
    row("a secret that `mcpServers.*.headers` refers to", SECRETS, "restart", "the gateway has it in its environment"),
  ],
  telegram: [row("`telegram.ownerId`", CONFIG, "hot")],
  volumeGiB: [
    row("`volumeGiB` up", ["update Volume", ...CONFIG], "beside", "the file system grows mounted"),
    row("`volumeGiB` down", [], "refused", "a volume can only grow"),
    row("`volumeGiB` to 0", [], "refused", "the volume is protected"),
    row(
      "`volumeGiB` from 0",
      ["create Volume", ...BIRTH],
      "new droplet",
      "state on the old one's disk is LOST: backup, restore",
    ),
  ],
  backup: [
    row("`backup.recipient`", CONFIG, "files", "whom the next backup is encrypted for"),
    row("`backup.to`, given or taken away", [...CONFIG, "update secrets"], "beside", "the timer starts or ends"),
    row("`backup.to`, another bucket", CONFIG, "files", "the next backup goes there"),
    row("`backup.schedule`", CONFIG, "beside", "the timer starts anew"),
    row("`backup.keep`", CONFIG, "files"),
  ],
  verify: [row("`verify.agentTurn`", [], "nothing", "what `up` looks at in the end")],
  policy: [row("`policy.maxMonthlyUsd`", [], "nothing", "a rule for the preview")],
  bootstrapRevision: [row("`bootstrapRevision`", BIRTH, "new droplet")],
  sources: [
    row("`sources.node`", CONFIG, "nothing", "counts when a version is installed"),
    row("`sources.openclaw`", CONFIG, "files", "counts when a version is installed; hermes' own lock goes or comes"),
    row("`sources.ollama`, without a local model", [], "nothing"),
    row("`sources.tailscale`", [], "nothing", "output `bootstrap.outdated` says so: next `bootstrapRevision`"),
  ],
  sandbox: [
    row("`sandbox.expires`", ["update Droplet"], "nothing", "a tag; `./hermes sandbox extend` does it without an `up`"),
    row("`sandbox.origin`", ["update Droplet"], "nothing", "a tag"),
    row("`sandbox.idle`", ["update Droplet", ...CONFIG], "restart", "counted from the last work of an agent"),
  ],
  secrets: Object.values(SECRET_ROWS).flat(),
};

/** For every key of the schema, in its order. */
export const EFFECTS: readonly Effect[] = KEY_NAMES.flatMap((key) => ROWS[key].map((each) => ({ key, ...each })));

const WORDS: Readonly<Record<OnDroplet, string>> = {
  nothing: "nothing",
  files: "files, no process",
  hot: "hot: same process",
  restart: "one restart of the gateway",
  beside: "in place, gateway goes on",
  reboot: "power off and on",
  "new droplet": "**a new droplet**",
  refused: "**refused at preview**",
};

/** The table of docs/changes.md. */
export function effectsTable(effects: readonly Effect[] = EFFECTS): string {
  const rows = effects.map(({ edit, steps, droplet, note }) => [edit, stepsText(steps), WORDS[droplet], note ?? ""]);
  const head = ["edit", "resources", "on the droplet", "note"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function stepsText(steps: readonly Step[]): string {
  if (steps.length === 0) return "none";
  if (steps.includes("replace Droplet")) {
    const more = steps.filter((step) => !BIRTH.includes(step));
    return ["all of a birth", ...more].join(", ");
  }
  return steps.join(", ");
}
