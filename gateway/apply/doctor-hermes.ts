// The doctor's checks of what hermes itself put on the droplet: the books, the files, the versions, the gateway.
import { existsSync } from "node:fs";
import type { LastBackup } from "./backup.ts";
import { LAST_BACKUP } from "./backup.ts";
import { backupTime } from "./backup-names.ts";
import { contentOf, sha256 } from "./bundle.ts";
import type { Check, Finding } from "./doctor-findings.ts";
import { APPLY_AGAIN, clock, fail, ok, output, properties, warn } from "./doctor-findings.ts";
import { describe, isReady, unitState } from "./gateway.ts";
import type { Host } from "./host.ts";
import { LOCK_BUSY } from "./lock.ts";
import type { McpReport } from "./mcp.ts";
import { deadServers, mcpFix, mcpText } from "./mcp.ts";
import { probe } from "./mcp-probe.ts";
import { whyNotReady } from "./not-ready.ts";
import {
  BACKUP_CONFIG,
  BACKUP_TIMER,
  GATEWAY,
  LAST_TURN,
  LOCK,
  NODE,
  NODE_CURRENT,
  OPENCLAW_CONFIG,
  OPENCLAW_CURRENT,
  OPENCLAW_VERSIONS,
  STATE,
  WORKSPACES,
  openclawProgram,
} from "./places.ts";
import { installedVersion, isAsInstalled } from "./openclaw-tree.ts";
import { drift } from "./plan.ts";
import { scrubber } from "./scrub.ts";
import { shown } from "./shown.ts";
import type { LastTurn } from "./status.ts";
import { localModel } from "./status.ts";
import { stagedText } from "./store.ts";
import { readText } from "./text-file.ts";
import { readJournal } from "./transaction.ts";
import { diskFault, readEntry, saySetAside, setAsides } from "./tree.ts";
import type { AgentTurn } from "./turn.ts";
import { failedText, privacyAdvice } from "./turn.ts";

const BOOTSTRAP = "/var/lib/hermes/bootstrap.json";

const bootstrap: Check = async ({ host }) => {
  const text = readText(host, BOOTSTRAP);
  if (text === undefined)
    return fail(`${BOOTSTRAP} is missing: the first boot never ran`, "./hermes logs --unit bootstrap");
  const { status = "unreadable", step = "", error = "" } = JSON.parse(text) as Record<string, string>;
  if (status === "done") return ok("done");
  if (status === "failed") return fail(`failed at ${step}: ${error}`, "./hermes logs --unit bootstrap, then pulumi up");
  return warn(`${status} at ${step}`, "wait for it: ./hermes logs --unit bootstrap -f");
};

const configuration: Check = async ({ applied }) => {
  if (applied.config === undefined) return fail("nothing was activated yet", "pulumi up");
  const count = Object.keys(applied.config.files).length + Object.keys(applied.secrets?.files ?? {}).length;
  return ok(`${applied.configHash?.slice(0, 12)}, ${count} files`);
};

const openclawConfig: Check = async ({ host, applied: { config } }) => {
  const file = config?.files[OPENCLAW_CONFIG];
  if (file === undefined) return undefined;
  if (readText(host, OPENCLAW_CONFIG) === contentOf(file).toString("utf8")) return ok("as it was applied");
  return fail(
    `${OPENCLAW_CONFIG} was edited on the droplet, or removed`,
    `put what is wanted into the stack's configuration; ${APPLY_AGAIN} brings back what was applied`,
  );
};

const files: Check = async ({ host, applied }) => {
  if (applied.config === undefined) return undefined;
  const system = drifted(host, applied).filter((path) => !path.startsWith(`${WORKSPACES}/`));
  // Its content has a check of its own; owner and mode are looked at here.
  const others = system.filter((path) => path !== OPENCLAW_CONFIG || sameText(host, applied.config, path));
  if (others.length === 0) return ok("as they were applied");
  return fail(`changed on the droplet: ${others.join(", ")}`, `${APPLY_AGAIN} writes them again`);
};

/** The agents write in there: what they changed is theirs until somebody decides. */
const workspaces: Check = async ({ host, applied }) => {
  if (applied.config === undefined) return undefined;
  const edited = drifted(host, applied).filter((path) => path.startsWith(`${WORKSPACES}/`));
  const aside = setAsides(host);
  if (edited.length === 0 && aside.length > 0)
    return warn(
      `set aside: ${aside.map(saySetAside).join("; ")}`,
      "look at what an agent has put there (./hermes ssh ls -la), then remove it",
    );
  if (edited.length === 0) return ok("the repository's files are as they were applied");
  return warn(
    `edited on the droplet: ${edited.map((path) => shown(path.slice(WORKSPACES.length + 1))).join(", ")}`,
    `take the edit over into workspace/, or ${APPLY_AGAIN}: the edited file is kept beside the repository's`,
  );
};

type AppliedState = Parameters<Check>[0]["applied"];

const drifted = (host: Host, { config, secrets }: AppliedState): string[] =>
  config === undefined ? [] : drift(host, config, secrets);

function sameText(host: Host, config: AppliedState["config"], path: string): boolean {
  const file = config?.files[path];
  return file !== undefined && readText(host, path) === contentOf(file).toString("utf8");
}

const transaction: Check = async ({ host }) => {
  const journal = readJournal(host);
  if (journal === undefined) return ok("no change is half done");
  const { code } = await host.run("flock", ["--nonblock", "--conflict-exit-code", String(LOCK_BUSY), LOCK, "true"]);
  if (code === LOCK_BUSY) return warn("a change is under way", "ask again when it is done");
  return fail(`a change was cut off (${journal.phase})`, `${APPLY_AGAIN} finishes it or undoes it`);
};

const staged: Check = async ({ host, applied }) => {
  const waiting = (["config", "secrets"] as const).filter((kind) => {
    const text = stagedText(host, kind);
    return text !== undefined && sha256(text) !== applied[`${kind}Hash`];
  });
  if (waiting.length === 0) return ok("nothing waits to be activated");
  return warn(`staged, but not what runs: ${waiting.join(" and ")}`, "pulumi up; its error says why it was refused");
};

const openclaw: Check = async ({ host, applied: { config } }) => {
  const wanted = config?.openclaw.version;
  if (wanted === undefined) return undefined;
  const current = installedVersion(host) ?? "nothing";
  if (current !== wanted) return fail(`${OPENCLAW_CURRENT} leads to ${current}, not to ${wanted}`, APPLY_AGAIN);
  if (!existsSync(host.path(openclawProgram(wanted))))
    return fail(
      `OpenClaw ${wanted} is not whole: ${openclawProgram(wanted)} is missing`,
      `${APPLY_AGAIN} installs it again`,
    );
  if (!(await isAsInstalled(host, wanted)))
    return fail(
      `something in ${OPENCLAW_VERSIONS}/${wanted} is not as it was installed`,
      `${APPLY_AGAIN} installs it again`,
    );
  return ok(wanted);
};

const node: Check = async ({ host, applied: { config } }) => {
  const wanted = config?.node.version;
  if (wanted === undefined) return undefined;
  const link = readEntry(host, NODE_CURRENT);
  const linked = link.kind === "link" ? link.target : "nothing";
  const runs = (await output(host, NODE, ["--version"])).trim().replace(/^v/, "");
  if (runs !== linked)
    return fail(
      `${NODE} is ${runs}, and ${NODE_CURRENT} leads to ${linked}`,
      `ln -sfn ${NODE_CURRENT}/bin/node ${NODE} on the droplet, or raise hermes:bootstrapRevision (state on a volume stays; without one it is LOST)`,
    );
  if (runs !== wanted) return fail(`${runs}, configured is ${wanted}`, `${APPLY_AGAIN} brings ${wanted} back`);
  return ok(runs);
};

const gateway: Check = async ({ host, applied }) => {
  if (applied.config === undefined) return undefined;
  const unit = await unitState(host);
  if (unit.active !== "active") {
    const disk = diskFault(host, STATE);
    if (disk !== undefined)
      return fail(`${disk}; ${describe(unit)}`, "mend the disk: the gateway starts by itself then");
    return fail(describe(unit), gatewayFix(unit));
  }
  if (!(await isReady(host))) {
    const reason = (await whyNotReady(host)) ?? "its unit is active, and /readyz does not say ready";
    return fail(reason, "./hermes logs --unit gateway");
  }
  const { UnitFileState = "" } = properties(
    await output(host, "systemctl", ["show", GATEWAY, "--property=UnitFileState"]),
  );
  if (UnitFileState !== "enabled")
    return fail(
      `ready, but ${UnitFileState || "not known to systemd"}: it will not start at boot`,
      `./hermes ssh systemctl enable ${GATEWAY}`,
    );
  return ok("ready");
};

function gatewayFix({ active, result, status }: Awaited<ReturnType<typeof unitState>>): string {
  if (active === "activating") return "it is starting: ask again in a minute; ./hermes logs --unit gateway -f";
  if (active === "inactive" && result === "success") return `./hermes ssh systemctl start ${GATEWAY}`;
  if (status === "78")
    return "its configuration or state is refused, no restart mends that: ./hermes logs --unit gateway";
  return `./hermes logs --unit gateway, then ./hermes ssh systemctl restart ${GATEWAY}`;
}

const restarts: Check = async ({ host }) => {
  const { restarts } = await unitState(host);
  if (restarts === 0) return ok("none");
  return warn(
    `the gateway ended and came back ${restarts} times since it was last started`,
    "./hermes logs --unit gateway --lines 500",
  );
};

const model: Check = async ({ host, applied }) => {
  const found = await localModel(host, applied);
  if (found === undefined) return undefined;
  if (found.ok) return ok(`${found.tag}, ${found.loaded === true ? "loaded" : "not loaded now"}`);
  return fail(found.error ?? `${found.tag} does not run`, "./hermes ssh hermes-apply local");
};

/** By the last turn that `up` or `hermes status --agent-turn` asked for. Undefined when there was none of this configuration. */
const models: Check = async ({ host, applied }) => {
  const last = JSON.parse(readText(host, LAST_TURN) ?? "{}") as Partial<LastTurn>;
  if (last.turn === undefined || last.configHash !== applied.configHash) return undefined;
  return modelsFinding(last.turn, Math.floor(((await clock(host)) - Date.parse(last.at ?? "") / 1000) / 3600));
};

/** Pure. @param hours - since that turn */
function modelsFinding({ ok: answered, model, failed = [], error = "" }: AgentTurn, hours: number): Finding {
  const when = `${hours} h ago`;
  const again = "./hermes status --agent-turn asks again";
  if (!answered) return warn(`no answer ${when}: ${error}`, again);
  if (failed.length === 0) return ok(`${model ?? "an unnamed model"} answered ${when}`);
  return warn(
    `${model ?? "another model"} answered ${when}, because these did not: ${failedText(failed)}`,
    `${privacyAdvice(failedText(failed)) ?? "where that lasts, put the model that answers first: hermes:models.primary"}; ${again}`,
  );
}

/** Asks them: their programs run for this, as the gateway would run them. */
const mcp: Check = async ({ host, applied }) => {
  const version = applied.config?.openclaw.version;
  if (version === undefined) return undefined;
  const report = await probe(host, applied, version, scrubber(applied.secrets));
  return report === undefined ? undefined : mcpFinding(report);
};

/** Pure. */
export function mcpFinding(report: McpReport): Finding {
  const dead = deadServers(report);
  if (dead.length === 0) return ok(report.servers.map(mcpText).join("; "));
  const said = ({ lines = [] }: (typeof dead)[number]) =>
    lines.length === 0 ? "" : `; its last lines: ${lines.join(" | ")}`;
  const alive = report.servers.filter((server) => server.ok).map(mcpText);
  return fail(
    [...dead.map((server) => `${mcpText(server)}${said(server)}`), ...alive].join("; "),
    dead.map(mcpFix).join("; "),
  );
}

/** systemd's word for a timer that is active and has no next run. */
const ELAPSED = "elapsed";
const NO_NEXT_RUN = `${BACKUP_TIMER} has no next run: no time of its schedule is still to come`;

/** Only where a bucket is wanted; what is made by hand is the operator's to watch. */
const backup: Check = async ({ host }) => {
  if (readText(host, BACKUP_CONFIG) === undefined) return undefined;
  const show = ["show", BACKUP_TIMER, "--property=ActiveState,SubState,LastTriggerUSec", "--timestamp=unix"];
  const timer = properties(await output(host, "systemctl", show));
  const { ActiveState = "", SubState, LastTriggerUSec = "" } = timer;
  if (ActiveState !== "active") return fail(`${BACKUP_TIMER} is ${ActiveState || "not there"}`, APPLY_AGAIN);
  if (SubState === ELAPSED) return fail(NO_NEXT_RUN, "set hermes:backup.schedule to a time that comes, then pulumi up");
  const { name = "", error, unpruned } = JSON.parse(readText(host, LAST_BACKUP) ?? "{}") as LastBackup;
  const madeMs = backupTime(name);
  return backupFinding({
    now: await clock(host),
    ...(madeMs === undefined ? {} : { made: madeMs / 1000 }),
    ...(/^@\d+/.test(LastTriggerUSec) ? { due: Number(LastTriggerUSec.slice(1)) } : {}),
    ...(error === undefined ? {} : { error }),
    ...(unpruned === undefined ? {} : { unpruned }),
  });
};

/** What a backup of a full volume may take, in seconds. */
const BACKUP_SECONDS = 2 * 3600;

interface BackupFacts {
  /** These three are seconds since 1970: now, when the newest was made, when the timer last went off. */
  now: number;
  made?: number;
  due?: number;
  /** Why the last attempt failed. */
  error?: string;
  /** Why older backups were not removed. */
  unpruned?: string;
}

/** Pure: what the newest backup is worth. Whatever the schedule is: something has to come of each time the timer went off. */
export function backupFinding({ now, made, due, error, unpruned }: BackupFacts): Finding {
  const again = "./hermes backup --to-bucket; ./hermes ssh journalctl -u hermes-backup";
  const newest =
    made === undefined ? "none in the bucket yet" : `the newest is ${Math.floor((now - made) / 3600)} h old`;
  if (error !== undefined) return fail(`the last one failed, ${newest}: ${error}`, again);
  if (made === undefined) return warn(newest, again);
  const lacking = due !== undefined && made < due && now - due > BACKUP_SECONDS;
  if (lacking) return warn(`nothing came of the timer's last time, ${newest}`, again);
  if (unpruned === undefined) return ok(newest);
  return warn(
    `${newest}; older ones were not removed: ${unpruned}`,
    "let the bucket's key list and delete objects below the prefix, then ./hermes backup --to-bucket",
  );
}

export const HERMES_CHECKS: Record<string, Check> = {
  gateway,
  bootstrap,
  configuration,
  "openclaw.json": openclawConfig,
  files,
  workspaces,
  transaction,
  staged,
  openclaw,
  node,
  restarts,
  backup,
  models,
  "mcp servers": mcp,
  "local model": model,
};
