// Keys that hermes does not know: what each may have been meant for.
import { isMap, valueAt } from "../lib/maps";
import { allNearest, editDistance, nearest } from "../lib/nearest";
import { KEY_NAMES } from "./keys";
import type { Problem } from "./problem";
import { how } from "./secrets";
import { KNOWN_SECRETS } from "./types";

/** Where a key belongs that stands one level too high, or under another program's name. */
const BELONGS: Readonly<Record<string, string>> = {
  ...{ tag: "tailnet.tag", hostname: "tailnet.hostname", loginServer: "tailnet.loginServer" },
  ...{ ephemeral: "tailnet.ephemeral", version: "openclaw.version", before: "openclaw.before" },
  ...{ nodeVersion: "node.version", openclawVersion: "openclaw.version" },
  ...{ primary: "models.primary", model: "models.primary", fallbacks: "models.fallbacks" },
  ...{ allowUnknown: "models.allowUnknown", allowPaid: "models.allowPaid" },
  ...{ contextTokens: "localModel.contextTokens", cacheType: "localModel.cacheType" },
  ...{ workspace: "agents.main.workspace", bindings: "agents.main.bindings" },
  ...{ ownerId: "telegram.ownerId", recipient: "backup.recipient", to: "backup.to" },
  ...{ schedule: "backup.schedule", keep: "backup.keep", bucket: "backup.to.bucket" },
  ...{ endpoint: "backup.to.endpoint", prefix: "backup.to.prefix", agentTurn: "verify.agentTurn" },
  ...{ maxMonthlyUsd: "policy.maxMonthlyUsd", expires: "sandbox.expires", idle: "sandbox.idle" },
};

export interface UnknownKey {
  problem: Problem;
  /** Top-level key that was meant: that it is missing needs no words of its own. */
  means?: string;
}

const ALL = `hermes reads ${KEY_NAMES.join(", ")}.`;

/**
 * A key of the `hermes:` namespace. Its value is not printed: it may be anything.
 *
 * @param beside the values of the namespace by key: what stands under the right name already is not written twice
 */
export function unknownKey(name: string, value: unknown, beside: Record<string, unknown> = {}): UnknownKey {
  const key = `hermes:${name}`;
  const wrong = "is not a key that hermes knows";
  const said = (allowed: string, fix: string, means?: string): UnknownKey => ({
    problem: { key, wrong, allowed, fix },
    ...(means === undefined ? {} : { means }),
  });
  if (name === "hermes") {
    const inner = typeof value === "object" && value !== null ? Object.keys(value) : [];
    const keys = inner.length === 0 ? "hermes:region" : inner.map((each) => `hermes:${each}`).join(", ");
    const meant = {
      problem: {
        key,
        wrong,
        allowed: "Every key stands on its own, as hermes:NAME.",
        fix: `Write ${keys} in its place, one level up.`,
      },
    };
    return inner.length === 0 ? meant : { ...meant, means: inner.join(" ") };
  }
  const [first = "", ...rest] = name.split(".");
  if (first === "secrets" && rest.length > 0)
    return said(
      "Secrets stand encrypted in hermes:secrets; --path makes an entry of it.",
      `Remove it: pulumi config rm '${key}'. ${how(rest.join("."))}.`,
    );
  if (rest.length > 0 && (KEY_NAMES as string[]).includes(first))
    return said(
      `hermes:${first} is a map; a dot makes no key in one.`,
      `Move it to ${rest.join(".")} in hermes:${first}.`,
      first,
    );
  const home = BELONGS[nearest(name, Object.keys(BELONGS)) ?? ""];
  const meant = nearest(name, KEY_NAMES);
  // A map is the key itself under another name, not one value of it.
  const isRenamed = meant !== undefined && isMap(value);
  const isNearer =
    home !== undefined &&
    !isRenamed &&
    (meant === undefined || distanceTo(home, name) < editDistance(lower(name), lower(meant)));
  if (isNearer) {
    const [top = "", ...path] = home.split(".");
    if (valueAt(beside, [top, ...path]) !== undefined)
      return said(`hermes:${top} has it: ${path.join(".")}.`, `Remove it: ${path.join(".")} is in hermes:${top}, too.`);
    return said(`hermes:${top} has it: ${path.join(".")}.`, `Move it to ${path.join(".")} in hermes:${top}.`, top);
  }
  if (meant !== undefined && meant in beside) return said(ALL, `Remove it: hermes:${meant} is there, too.`);
  if (meant !== undefined) return said(ALL, `Rename it to hermes:${meant}.`, meant);
  const secret = nearest(name, KNOWN_SECRETS);
  if (secret !== undefined)
    return said(
      "Secrets stand encrypted in hermes:secrets.",
      `Remove it, and set it encrypted. ${how(secret)}.`,
      "secrets",
    );
  return said(ALL, `Remove it: pulumi config rm ${key}.`);
}

const lower = (text: string): string => text.toLowerCase();

function distanceTo(home: string, name: string): number {
  const names = Object.keys(BELONGS).filter((each) => BELONGS[each] === home);
  return Math.min(...names.map((each) => editDistance(lower(each), lower(name))));
}

/** Namespaces that this program or its providers read. */
const NAMESPACES = ["hermes", "digitalocean", "tailscale", "command", "pulumi", "aws", "gcp"];

/** A key of a namespace that is nobody's, and is a slip of one that is somebody's. */
export function strayNamespace(full: string): UnknownKey | undefined {
  const at = full.indexOf(":");
  const [namespace, name] = [full.slice(0, at), full.slice(at + 1)];
  if (at < 0 || NAMESPACES.includes(namespace)) return undefined;
  const [meant] = allNearest(namespace, NAMESPACES);
  // Longer than a slip: a namespace of somebody's own, or of hermes' sandboxes.
  if (meant === undefined || Math.abs(meant.length - namespace.trim().length) > 2) return undefined;
  const known = meant === "hermes" ? (nearest(name, KEY_NAMES) ?? name) : name;
  return {
    problem: {
      key: full,
      wrong: `is in the namespace ${JSON.stringify(namespace)}, which nothing reads`,
      allowed: "hermes reads hermes:NAME; its providers read digitalocean: and tailscale:.",
      fix: `Rename it to ${meant}:${known}.`,
    },
    ...(meant === "hermes" ? { means: known } : {}),
  };
}
