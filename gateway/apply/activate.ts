// Makes two staged bundles the ones that run, or leaves everything as it was.
import { chownSync, existsSync, mkdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { needAge } from "./backup.ts";
import type { Activation, ConfigBundle, SecretsBundle } from "./bundle.ts";
import { Refused, contentOf, parseConfig, parseSecrets, sha256 } from "./bundle.ts";
import type { Effects } from "./effects.ts";
import { effectsOf } from "./effects.ts";
import {
  describe,
  isReady,
  journalCursor,
  lastLines,
  openclaw,
  start,
  unitState,
  waitReady,
  waitReload,
} from "./gateway.ts";
import type { Host } from "./host.ts";
import { forgetProven, isProven, runnable } from "./local-model.ts";
import { installNode, retireNodes } from "./node.ts";
import * as ollama from "./ollama.ts";
import { isAsInstalled } from "./openclaw-tree.ts";
import {
  AGENT,
  AGENT_GUARD,
  AGENT_WORKSPACES,
  BACKUP_CONFIG,
  BACKUP_TIMER,
  GATEWAY,
  INSTALL_OPENCLAW,
  OPENCLAW_CONFIG,
  OPENCLAW_CURRENT,
  OPENCLAW_LOCK,
  OPENCLAW_ENVIRONMENT,
  SECRETS,
  SSH_SOCKET,
  STAGE,
  SWAP_SCRIPT,
  UNITS,
  VALIDATION,
  VOLUME_SCRIPT,
  nodeProgram,
  openclawProgram,
} from "./places.ts";
import type { Plan } from "./plan.ts";
import { makePlan } from "./plan.ts";
import { scrubber } from "./scrub.ts";
import { recoverRestore } from "./restore.ts";
import type { Applied } from "./store.ts";
import { readApplied, stagedText } from "./store.ts";
import { readText } from "./text-file.ts";
import type { Journal } from "./transaction.ts";
import { begin, commit, discard, finish, readJournal, saveState, swap, undo } from "./transaction.ts";
import { put } from "./tree.ts";
import { removeTree } from "./remove.ts";
import { checkVersion, pruneVersions } from "./upgrade.ts";

/** The one line on standard output. */
export interface Reply {
  ok: boolean;
  changed: boolean;
  reloaded: boolean;
  restarted: boolean;
  rolledBack: boolean;
  ready: boolean;
  version: string;
  configHash: string;
  error?: string;
}

export interface Exit {
  /** 0 done or nothing to do, 1 refused and nothing changed, 2 failed and rolled back, 3 failed and not ready. */
  code: 0 | 1 | 2 | 3;
  reply: Reply;
}

/** A start: Node cold 20 s, a migration of the state 30 s more, on one slow CPU twice that. */
const START_MS = 240_000;

interface Staged {
  config: ConfigBundle;
  secrets: SecretsBundle;
  texts: { config: string; secrets: string };
}

export interface ActivateOptions {
  /** openclaw.json may name the local model. @default it was proven to answer, as it is wanted, by `hermes-apply local` */
  localModelProven?: boolean;
}

export async function activate(host: Host, wanted: Activation, options: ActivateOptions = {}): Promise<Exit> {
  const reply: Reply = {
    ok: false,
    changed: false,
    reloaded: false,
    restarted: false,
    rolledBack: false,
    ready: false,
    version: wanted.openclaw,
    configHash: wanted.config,
  };
  const recovered = await recover(host);
  let staged: Staged;
  let applied: Applied;
  let plan: Plan;
  let repaired: boolean;
  try {
    staged = readStaged(host, wanted, options);
    applied = readApplied(host);
    await installNode(host, staged.config);
    repaired = await install(host, staged.config);
    await checkVersion(host, staged.config, applied);
    plan = makePlan(host, staged.config, staged.secrets, applied.manifest);
    // The first has nothing to take down: its own start tells whether OpenClaw takes it, seconds sooner.
    if (applied.config !== undefined) await validate(host, staged, applied);
  } catch (error) {
    return refuse(host, reply, error as Error);
  }
  const scrub = scrubber(staged.secrets, applied.secrets);
  for (const note of plan.notes) host.say(note);
  const effects = effectsOf(plan.changes, environmentNames(staged.config), configDiffers(host, staged.config));
  if (repaired) effects.gateway = "restart";
  const sameBundles = applied.configHash === wanted.config && applied.secretsHash === wanted.secrets;
  if (plan.changes.length === 0 && sameBundles && !recovered) {
    await retireOllama(host, staged.config);
    return keepRunning(host, reply, scrub, repaired);
  }

  reply.changed = true;
  const before = await unitState(host);
  const outcome = { ...staged.texts, manifest: JSON.stringify(plan.manifest) };
  let journal: Journal;
  try {
    journal = begin(host, plan.changes, outcome, {
      effects,
      wasRunning: before.active === "active" || applied.config !== undefined,
    });
  } catch (error) {
    discard(host);
    return refuse(host, { ...reply, changed: false }, error as Error);
  }
  const problem = await change(host, plan, journal, reply).catch((error: Error) => error.message);
  const uncommitted = problem ?? attempt(() => commit(host, journal));
  if (uncommitted !== undefined) {
    const refusal = applied.config === undefined ? await refusalOf(host, staged, applied) : undefined;
    return rollBack(host, journal, reply, scrub(refusal ?? uncommitted), scrub);
  }
  // What is committed is done. Records that could not be closed are closed by the next run, which finds the journal.
  const open = attempt(() => finish(host));
  if (open !== undefined) host.say(`done, but not booked yet: ${open}`);
  await retireOllama(host, staged.config);
  await retireNodes(host, staged.config);
  return { code: 0, reply: { ...reply, ok: true, ready: true } };
}

/** Why it failed, undefined when it did not. */
function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function refuse(host: Host, reply: Reply, error: Error): Promise<Exit> {
  const text = scrubber(...secretsAnywhere(host))(error.message);
  host.say(text);
  return { code: 1, reply: { ...reply, ready: await isReady(host), error: text } };
}

/** Also those of a staged bundle that will not run. */
function secretsAnywhere(host: Host): (SecretsBundle | undefined)[] {
  const staged = stagedText(host, "secrets");
  try {
    return [readApplied(host).secrets, staged === undefined ? undefined : parseSecrets(staged)];
  } catch {
    return [];
  }
}

/**
 * What an earlier run left when it was killed: finished or undone, before anything else.
 *
 * @param options.boot - the gateway has not been started yet, and is by systemd once this has ended
 * @returns whether something was undone
 */
export async function recover(host: Host, options: { boot?: boolean } = {}): Promise<boolean> {
  // Secrets are in there.
  await removeTree(host, VALIDATION);
  const unrestored = await recoverRestore(host, options);
  if (unrestored !== undefined) host.say(unrestored);
  const journal = readJournal(host);
  if (journal === undefined) {
    discard(host);
    return false;
  }
  if (journal.phase === "committing") {
    finish(host);
    return false;
  }
  host.say("an activation was cut off: putting everything back first");
  if (options.boot === true) await undoAtBoot(host, journal);
  else await undoAll(host, journal);
  discard(host);
  return true;
}

/** `hermes-apply recover`: puts back what was cut off, and nothing else. Exit codes as those of an activation. */
export async function recovery(host: Host, options: { boot: boolean }): Promise<Exit> {
  const rolledBack = await recover(host, options);
  const { config, configHash = "" } = readApplied(host);
  const ready = options.boot || (await isReady(host));
  const state = { changed: rolledBack, reloaded: false, restarted: rolledBack && !options.boot, rolledBack, ready };
  return {
    code: ready ? 0 : 3,
    reply: { ok: ready, ...state, version: config?.openclaw.version ?? "", configHash },
  };
}

function readStaged(host: Host, wanted: Activation, options: ActivateOptions): Staged {
  const texts = { config: stagedText(host, "config"), secrets: stagedText(host, "secrets") };
  for (const kind of ["config", "secrets"] as const) {
    const text = texts[kind];
    if (text === undefined) throw new Refused(`no ${kind} bundle was staged`);
    if (sha256(text) !== wanted[kind]) {
      throw new Refused(
        `the staged ${kind} bundle is another one (${sha256(text).slice(0, 12)}, not ${wanted[kind].slice(0, 12)})`,
      );
    }
  }
  const config = parseConfig(texts.config ?? "");
  if (config.openclaw.version !== wanted.openclaw) {
    throw new Refused(`the staged configuration is for OpenClaw ${config.openclaw.version}, not ${wanted.openclaw}`);
  }
  return {
    config: runnable(config, options.localModelProven ?? isProven(host, config)),
    secrets: parseSecrets(texts.secrets ?? ""),
    texts: texts as Staged["texts"],
  };
}

/**
 * Beside what runs: nothing is switched. By the bundle's own script where it brings one.
 * @returns whether a tree that was not as it was installed gave way to another, so that what runs of it has to restart
 */
async function install(host: Host, config: ConfigBundle): Promise<boolean> {
  const { version, before, sha256 } = config.openclaw;
  const isThere = existsSync(host.path(openclawProgram(version)));
  const script = bring(host, config, INSTALL_OPENCLAW, "install-openclaw.sh");
  if (isThere && (await isAsInstalled(host, version, script))) return false;
  await pruneVersions(host, version);
  const why = isThere ? "anew, because it is not as it was installed" : "beside what runs";
  host.say(`installing OpenClaw ${version} ${why}`);
  const lock = bring(host, config, OPENCLAW_LOCK, "openclaw-lock.json");
  const wait = existsSync(host.path(OPENCLAW_CURRENT)) ? { HERMES_REGISTRY_SECONDS: "15" } : {};
  const { code, stdout, stderr } = await host.run("bash", [host.path(script), version, before, sha256], {
    timeoutMs: 1_800_000,
    env: { HERMES_OPENCLAW_LOCK: host.path(lock), ...wait },
  });
  if (code !== 0) {
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-8).join("\n  ");
    throw new Refused(`OpenClaw ${version} could not be installed (exit ${code}); what ran still runs.\n  ${said}`);
  }
  return isThere;
}

/** A file of the staged bundle that is needed before it is in its place. @returns where it can be used */
function bring(host: Host, config: ConfigBundle, path: string, name: string): string {
  const brought = config.files[path];
  if (brought === undefined) return path;
  const staged = `${STAGE}/${name}`;
  put(host, staged, { kind: "file", content: contentOf(brought), mode: 0o700, ...host.ids("root:root") });
  return staged;
}

/** {@link VALIDATION} as OpenClaw sees it. */
const SHOWN_VALIDATION = "/tmp/hermes-validate";

/** By the OpenClaw that will run, on copies, with a state folder of its own. */
async function validate(host: Host, staged: Staged, applied: Applied): Promise<void> {
  const file = staged.config.files[OPENCLAW_CONFIG];
  if (file === undefined) throw new Refused(`the bundle has no ${OPENCLAW_CONFIG}`);
  const asApplied = applied.config?.files[OPENCLAW_CONFIG];
  const sameVersion =
    applied.config?.openclaw.version === staged.config.openclaw.version &&
    applied.config.node.version === staged.config.node.version;
  if (
    sameVersion &&
    asApplied !== undefined &&
    contentOf(asApplied).equals(contentOf(file)) &&
    sameNames(staged, applied)
  )
    return;
  const owner = host.ids("openclaw:openclaw");
  const folder = host.path(VALIDATION);
  try {
    await removeTree(host, VALIDATION);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chownSync(folder, owner.uid, owner.gid);
    const copy = (path: string, content: Buffer) => put(host, path, { kind: "file", content, mode: 0o400, ...owner });
    for (const [path, secret] of Object.entries(staged.secrets.files)) {
      copy(path.replace(SECRETS, `${VALIDATION}/secrets`), contentOf(secret));
    }
    const text = contentOf(file).toString("utf8").replaceAll(`${SECRETS}/`, `${SHOWN_VALIDATION}/secrets/`);
    copy(`${VALIDATION}/openclaw.json`, Buffer.from(text));
    const { version } = staged.config.openclaw;
    const node = nodeProgram(staged.config.node.version);
    const options = {
      version,
      node,
      timeoutMs: 120_000,
      configPath: `${SHOWN_VALIDATION}/openclaw.json`,
      stateDir: SHOWN_VALIDATION,
      folders: { [SHOWN_VALIDATION]: host.path(VALIDATION) },
    };
    const { code, stdout, stderr } = await openclaw(host, ["config", "validate", "--json"], options);
    if (code !== 0) throw new Refused(`OpenClaw ${version} refuses the configuration: ${issues(stdout, stderr)}`);
  } finally {
    await removeTree(host, VALIDATION);
  }
}

/** Why OpenClaw does not take a configuration that it did not start on; undefined where that is not the reason. */
const refusalOf = (host: Host, staged: Staged, applied: Applied): Promise<string | undefined> =>
  validate(host, staged, applied).then(
    () => undefined,
    (error: Error) => (error instanceof Refused ? error.message : undefined),
  );

const sameNames = (staged: Staged, applied: Applied): boolean =>
  isDeepStrictEqual(Object.keys(staged.secrets.files).sort(), Object.keys(applied.secrets?.files ?? {}).sort());

function issues(stdout: string, stderr: string): string {
  try {
    const said = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { issues?: { path: string; message: string }[] };
    if (said.issues?.length) return said.issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
  } catch {
    // Not its JSON: what it said will do.
  }
  return `${stdout}\n${stderr}`.trim().slice(-1500);
}

function environmentNames(config: ConfigBundle): string[] {
  const file = config.files[OPENCLAW_ENVIRONMENT];
  const lines = file === undefined ? [] : contentOf(file).toString("utf8").split("\n");
  return lines.flatMap((line) => line.split(" ")[1] ?? []);
}

/** A gateway that is told the same in other words says nothing, so nothing is to be waited for. */
function configDiffers(host: Host, config: ConfigBundle): boolean {
  const file = config.files[OPENCLAW_CONFIG];
  try {
    const [now, then] = [readText(host, OPENCLAW_CONFIG), file && contentOf(file).toString("utf8")];
    return !isDeepStrictEqual(JSON.parse(now ?? ""), JSON.parse(then ?? ""));
  } catch {
    return true;
  }
}

/** After the gateway has let go of it. What can't be removed now is removed next time. */
async function retireOllama(host: Host, config: ConfigBundle): Promise<void> {
  if (config.ollama !== undefined) return;
  forgetProven(host);
  if (ollama.isHere(host)) await ollama.remove(host).catch((error: Error) => host.say(error.message));
}

/** Nothing to change: a gateway that was stopped is started, one that is ready and runs what is installed is left alone. */
async function keepRunning(
  host: Host,
  reply: Reply,
  scrub: (text: string) => string,
  repaired: boolean,
): Promise<Exit> {
  const unit = await unitState(host);
  if (repaired || unit.active !== "active" || !(await isReady(host))) {
    host.say(`${describe(unit)}: starting it`);
    if (unit.active !== "activating") await start(host, unit.active === "active" ? "restart" : "start");
    reply.restarted = true;
    const problem = await waitReady(host, (await unitState(host)).restarts, START_MS);
    if (problem !== undefined) return fail(host, { ...reply, error: scrub(problem) }, 3, scrub);
  }
  return { code: 0, reply: { ...reply, ok: true, ready: true } };
}

/** Swaps the files and does the least that makes them count. Returns what went wrong. */
async function change(host: Host, plan: Plan, journal: Journal, reply: Reply): Promise<string | undefined> {
  const { effects } = journal;
  const cursor = await journalCursor(host);
  if (plan.changes.some(({ path }) => path === OPENCLAW_CURRENT)) {
    await host.run("systemctl", ["stop", GATEWAY], { timeoutMs: 360_000 });
    await saveState(host, journal);
  }
  swap(host, plan.changes);
  await around(host, effects);
  const unit = await unitState(host);
  if (effects.gateway === "restart" || unit.active !== "active") return restart(host, reply);
  if (effects.gateway === "reload") {
    const outcome = await waitReload(host, cursor);
    if (outcome === "refused") return "the gateway refused the new configuration";
    // It neither took nor refused it: its watcher may be gone. A restart brings it for certain.
    if (outcome !== "applied") return restart(host, reply);
    reply.reloaded = true;
  }
  if (effects.secretsReload) {
    const { code, stdout, stderr } = await openclaw(host, ["secrets", "reload"], {
      version: reply.version,
      timeoutMs: 120_000,
    });
    if (code !== 0) return `the gateway did not take the new secrets: ${`${stdout}\n${stderr}`.trim().slice(-500)}`;
    reply.reloaded = true;
  }
  return waitReady(host, unit.restarts, 60_000);
}

async function restart(host: Host, reply: Reply): Promise<string | undefined> {
  reply.restarted = true;
  await start(host, "restart");
  return waitReady(host, (await unitState(host)).restarts, START_MS);
}

/** Everything but the gateway itself. */
async function around(host: Host, effects: Effects): Promise<void> {
  const systemctl = (...args: string[]) => must(host, args);
  if (effects.daemonReload) await systemctl("daemon-reload");
  if (effects.enable.length > 0) await systemctl("enable", ...effects.enable);
  if (effects.backupTimer) {
    if (readText(host, BACKUP_CONFIG) !== undefined) await needAge(host);
    await systemctl("restart", BACKUP_TIMER);
  }
  if (effects.journald) await systemctl("restart", "systemd-journald.service");
  if (effects.nftables) await systemctl("reload-or-restart", "hermes-nftables.service");
  if (effects.sshd) await systemctl("try-reload-or-restart", "ssh.service");
  // Not every image has it; the setting waits for one that does.
  if (effects.sshSocket) await host.run("systemctl", ["try-restart", SSH_SOCKET], { timeoutMs: 120_000 });
  if (effects.agent) await systemctl("restart", AGENT_WORKSPACES, AGENT_GUARD, AGENT);
  if (effects.swap) await script(host, SWAP_SCRIPT);
  if (effects.volume) await script(host, VOLUME_SCRIPT);
}

/** One of the bundle's own. */
async function script(host: Host, path: string): Promise<void> {
  if (!existsSync(host.path(path))) return;
  const { code, stdout, stderr } = await host.run("bash", [host.path(path)], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${path} failed: ${`${stdout}\n${stderr}`.trim().slice(-500)}`);
}

async function must(host: Host, args: string[]): Promise<void> {
  const { code, stderr } = await host.run("systemctl", args, { timeoutMs: 120_000 });
  if (code === 0) return;
  const unit = args.at(-1) ?? "";
  const log = unit.endsWith(".service") ? (await lastLines(host, 5, unit)).join("; ") : "";
  throw new Error(`systemctl ${args.join(" ")} failed: ${log || stderr.trim()}`);
}

async function rollBack(
  host: Host,
  journal: Journal,
  reply: Reply,
  error: string,
  scrub: (text: string) => string,
): Promise<Exit> {
  host.say(`failed: ${error}`);
  await sayLastLines(host, scrub);
  host.say("rolling back");
  const version = readApplied(host).config?.openclaw.version;
  const old = {
    ...reply,
    version: version ?? "",
    configHash: readApplied(host).configHash ?? "",
    rolledBack: true,
    error,
  };
  try {
    // Once more where it fails: it is safe to repeat, and what it would leave is worse than what it costs.
    const problem = await undoAll(host, journal).catch(() => undoAll(host, journal));
    discard(host);
    if (problem === undefined && journal.wasRunning) return { code: 2, reply: { ...old, ready: true } };
    return {
      code: 3,
      reply: problem === undefined ? old : { ...old, error: `${error}; after rolling back: ${scrub(problem)}` },
    };
  } catch (second) {
    // With what is there: a gateway on some of the new files is more than none. The next run finds the journal.
    if (journal.wasRunning && (await unitState(host)).active !== "active") {
      await start(host, "restart");
      old.ready = (await waitReady(host, (await unitState(host)).restarts, START_MS)) === undefined;
    }
    const text = `${error}; rolling back failed too: ${scrub((second as Error).message)}`;
    return fail(host, { ...old, rolledBack: false, error: text }, 3, scrub);
  }
}

/** Files and state back, and the gateway as it was. Returns why it is not ready, when it should be. */
async function undoAll(host: Host, journal: Journal): Promise<string | undefined> {
  const { effects, wasRunning } = journal;
  if (journal.state !== undefined || !wasRunning)
    await host.run("systemctl", ["stop", GATEWAY], { timeoutMs: 360_000 });
  // While their files are still there.
  const added = effects.enable.filter((unit) => wasAbsent(journal, `${UNITS}/${unit}`));
  if (added.length > 0) await host.run("systemctl", ["disable", "--now", ...added], { timeoutMs: 360_000 });
  await undo(host, journal);
  const agent = effects.agent && !added.includes(AGENT);
  const nftables = effects.nftables && !added.includes("hermes-nftables.service");
  const backupTimer = effects.backupTimer && !added.includes(BACKUP_TIMER);
  await around(host, { ...effects, agent, nftables, backupTimer, enable: [] }).catch((error: Error) =>
    host.say(error.message),
  );
  if (!wasRunning) return undefined;
  // One that took nothing of it goes on: on a disk that takes no more it would not come up again.
  const untouched = journal.state === undefined && effects.gateway === "none" && !effects.secretsReload;
  if (untouched && (await isReady(host))) return undefined;
  await start(host, "restart");
  return waitReady(host, (await unitState(host)).restarts, START_MS);
}

/** Nothing runs yet, and systemd has its orders: to stop or start the gateway here would undo or wait for them. */
async function undoAtBoot(host: Host, journal: Journal): Promise<void> {
  const { enable } = journal.effects;
  const added = enable.filter((unit) => wasAbsent(journal, `${UNITS}/${unit}`));
  if (added.length > 0) await host.run("systemctl", ["disable", ...added], { timeoutMs: 60_000 });
  await undo(host, journal);
  await host.run("systemctl", ["daemon-reload"], { timeoutMs: 60_000 });
}

const wasAbsent = (journal: Journal, path: string): boolean =>
  journal.old.some((old) => old.path === path && old.kind === "absent");

async function fail(host: Host, reply: Reply, code: 3, scrub: (text: string) => string): Promise<Exit> {
  host.say(reply.error ?? "failed");
  await sayLastLines(host, scrub);
  return { code, reply };
}

async function sayLastLines(host: Host, scrub: (text: string) => string): Promise<void> {
  for (const line of await lastLines(host)) host.say(`  ${scrub(line)}`);
}
