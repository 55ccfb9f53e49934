import { DEFAULTS } from "../config/keys";
import { CommandError, EXIT } from "../lib/output";
import { pulumiOutput, runPulumi } from "../lib/pulumi";
import { setConfig } from "../lib/set-config";
import { giveHostKey, showsNow } from "../lib/ssh/adopt";
import { runOverSsh, type SshTarget } from "../lib/ssh/connection";
import { FINGERPRINT, HostKeyError } from "../lib/ssh/host-key";
import { publicKeyOf } from "../lib/ssh/public-key";
import { MADE, newKey, valueOf } from "./init/init";
import { matching, oneOf } from "./stack/input";
import { selected, sshTarget, stackOutputs, type Reach, type StackOptions } from "./stack/reach";
import { hermesApply } from "./stack/surroundings";

export interface RotateOptions extends StackOptions {
  lost?: boolean;
  /** With hostKey: what the droplet shows today, where the stack's own key is not it. */
  fingerprint?: string;
  json?: boolean;
}

/** What a rotation did, and what the user does next. */
export interface Rotated {
  rotated: string;
  done: string[];
  next: string;
}

/** What a rotation works with, so that tests can give it something else. */
export interface RotateParts {
  reach(): Promise<Reach>;
  /** One run of hermes-apply. @throws CommandError without a connection, or when it refused */
  apply(reach: Reach, verbs: string, stdin: string): Promise<void>;
  /** Logs in. @throws Error when it is not let in, or another host answers */
  logIn(target: SshTarget): Promise<void>;
  /** @throws Error when another machine answers, or the droplet does not take the key */
  giveHostKey(target: SshTarget, key: string): Promise<void>;
  /** @throws Error when the target's key is not shown soon */
  shows(target: SshTarget): Promise<void>;
  setSecret(name: string, value: string): Promise<void>;
  dropSecret(name: string): Promise<void>;
  /** Undefined: there is no droplet yet. */
  deployedRevision(): Promise<number | undefined>;
  configuredRevision(): Promise<number>;
  setRevision(revision: number): Promise<void>;
  newKey(): string;
  /** Makes a secret anew, or asks for it. */
  valueOf(name: string): Promise<string>;
  say(line: string): void;
}

const ASKED = ["openrouterApiKey", "telegramBotToken"];
export const NAMES = [...Object.keys(MADE), ...ASKED];

/** @throws CommandError */
export async function rotate(name: string, options: RotateOptions, parts: RotateParts): Promise<Rotated> {
  oneOf(
    "<secret>",
    name,
    NAMES,
    "Set any other one: pulumi config set --secret --path 'hermes:secrets.NAME'; pulumi up.",
  );
  checkFingerprint(name, options);
  if (name !== "deployKey" && name !== "hostKey") return await replaceValue(name, options, parts);
  if (options.lost === true) return await replaceLost(name, parts);
  return name === "deployKey" ? await rotateDeployKey(parts) : await rotateHostKey(options, parts);
}

function checkFingerprint(name: string, { fingerprint, lost }: RotateOptions): void {
  if (fingerprint === undefined) return;
  if (name !== "hostKey" || lost === true)
    throw new CommandError("Use --fingerprint with hostKey, and without --lost.", EXIT.usage);
  matching("--fingerprint", fingerprint, {
    pattern: FINGERPRINT,
    allowed: "The fingerprint of an SSH key: SHA256: and 43 characters.",
    fix: "Copy it from ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub on the droplet's console.",
  });
}

async function replaceValue(name: string, options: RotateOptions, parts: RotateParts): Promise<Rotated> {
  if (options.lost === true) throw new CommandError("Use --lost with deployKey or hostKey only.", EXIT.usage);
  await parts.setSecret(name, await parts.valueOf(name));
  const next = ASKED.includes(name)
    ? "pulumi up brings it to the droplet; then revoke the old one where it came from"
    : "pulumi up brings it to the droplet and takes the old one off";
  return { rotated: name, done: ["set, encrypted"], next };
}

/** Authorised through the old connection, proven, and only then the stack's. May be cut off anywhere and run again. */
async function rotateDeployKey(parts: RotateParts): Promise<Rotated> {
  const reach = await parts.reach();
  const next = await nextKey("deployKey", reach, parts);
  const newLogin = { ...reach, privateKey: next };
  await parts.apply(reach, "stage deploy-key", publicKeyOf(next)).catch(async (error: Error) => {
    // Cut off after an `up` took the old key off, or put back from an older file: the new one may be in already.
    await parts.logIn(newLogin).catch(() => stuck("deployKey", error));
  });
  parts.say("the new key is authorised");
  await parts.logIn(newLogin).catch((error: Error) => {
    throw new CommandError(`the droplet took the new key and does not let it in: ${error.message}`, EXIT.unhealthy);
  });
  await switchTo("deployKey", next, parts);
  return {
    rotated: "deployKey",
    done: ["authorised on the droplet by the old key", "proven: it logs in", "set as the stack's deployKey"],
    next: "pulumi up takes the old key off the droplet and out of the DigitalOcean account",
  };
}

/** Told to the droplet over a connection that the old host key proves. May be cut off anywhere and run again. */
async function rotateHostKey({ fingerprint }: RotateOptions, parts: RotateParts): Promise<Rotated> {
  const stack = await parts.reach();
  const reach = fingerprint === undefined ? stack : { ...stack, hostKey: fingerprint };
  const next = await nextKey("hostKey", reach, parts);
  const renewed = { ...reach, hostKey: publicKeyOf(next) };
  await parts.giveHostKey(reach, next).catch(async (error: Error) => {
    await parts.shows(renewed).catch(() => stuck("hostKey", error));
  });
  parts.say("the droplet has the new host key");
  await parts.shows(renewed).catch((error: Error) => {
    throw new CommandError(`the droplet does not show the new host key: ${error.message}`, EXIT.unhealthy);
  });
  await switchTo("hostKey", next, parts);
  return {
    rotated: "hostKey",
    done: ["given to the droplet over the old one", "proven: the droplet shows it", "set as the stack's hostKey"],
    next: "pulumi up",
  };
}

/** Kept in the stack's file from the start: a key that the droplet knows and nobody else would be of no use. */
async function nextKey(name: string, reach: Reach, parts: RotateParts): Promise<string> {
  const begun = reach.secrets[`${name}Next`];
  // Equal: a rotation was cut off at its very end, and this is another one.
  if (begun !== undefined && begun !== reach.secrets[name]) return begun;
  const made = parts.newKey();
  await parts.setSecret(`${name}Next`, made);
  return made;
}

async function switchTo(name: string, key: string, parts: RotateParts): Promise<void> {
  await parts.setSecret(name, key);
  await parts.dropSecret(`${name}Next`);
}

/** What hermes-apply refused is told as it is; without a connection the way back in is told. */
function stuck(name: string, error: Error): never {
  if (error instanceof CommandError && error.code !== EXIT.cloud) throw error;
  if (error instanceof HostKeyError || error.cause instanceof HostKeyError)
    throw new CommandError(error.message, EXIT.cloud);
  throw new CommandError(
    `${error.message}\n  Is the droplet reachable (./hermes doctor)? If the key is lost, or the droplet takes it no more:\n` +
      `  ./hermes rotate ${name} --lost; pulumi up`,
    EXIT.cloud,
  );
}

/** Nobody gets in to the droplet that runs: its successor is born with the new key, and takes the state over. */
async function replaceLost(name: string, parts: RotateParts): Promise<Rotated> {
  const [deployed, configured] = [await parts.deployedRevision(), await parts.configuredRevision()];
  await parts.setSecret(name, parts.newKey());
  await parts.dropSecret(`${name}Next`);
  if (deployed === undefined) return { rotated: name, done: ["set, encrypted"], next: "pulumi up" };
  const revision = Math.max(configured, deployed + 1);
  if (revision !== configured) await parts.setRevision(revision);
  return {
    rotated: name,
    done: ["set, encrypted", `hermes:bootstrapRevision is ${revision}`],
    next: "pulumi up replaces the droplet; the state on its volume stays",
  };
}

/** sshd reads its keys again. */
const SHOWN_MS = 10_000;

export function partsOf(options: RotateOptions): RotateParts {
  const stack = selected(options);
  const set = (key: string, value: string, flags: string[]) => setConfig(stack, key, value, flags);
  return {
    reach: () => sshTarget(options),
    apply: async (reach, verbs, stdin) => {
      const reply = await hermesApply<{ ok: boolean; error?: string }>(reach, verbs, { stdin });
      if (!reply.ok) throw new CommandError(reply.error ?? `hermes-apply ${verbs} failed`, EXIT.unhealthy);
    },
    logIn: async (target) => void (await runOverSsh(target, "true")),
    giveHostKey,
    shows: (target) => showsNow(target, { timeoutMs: SHOWN_MS }),
    setSecret: (name, value) => set(`hermes:secrets.${name}`, value, ["--path", "--secret"]),
    dropSecret: async (name) => {
      await pulumiOutput(["config", "rm", "--path", `hermes:secrets.${name}`, ...stack]);
    },
    deployedRevision: async () => {
      const outputs = await stackOutputs(options).catch(() => undefined);
      return outputs?.bootstrap.revision;
    },
    configuredRevision: async () => {
      const { code, stdout } = await runPulumi(["config", "get", "hermes:bootstrapRevision", ...stack]);
      return code === 0 ? Number(stdout.trim()) : DEFAULTS.bootstrapRevision;
    },
    setRevision: (revision) => set("hermes:bootstrapRevision", String(revision), ["--type", "int"]),
    newKey: () => newKey("hermes"),
    valueOf,
    say: (line) => void process.stderr.write(`${line}\n`),
  };
}
