import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { minutesOf } from "../../config/sandbox";
import { CommandError, EXIT } from "../output";
import { asMap } from "../../config/look-up";
import type { Caps } from "./caps";

/** Pulumi.sandbox.yaml. */
export interface Template extends Caps {
  /** Keys of the stack's file that sandboxes have otherwise. */
  config: Record<string, unknown>;
  /** As `4h`. */
  ttl: string;
}

const TTL_DEFAULT = "4h";
/** A month: whatever is there for longer is no sandbox. */
const TTL_MAX_MINUTES = 31 * 1440;

const DEFAULT_CAPS: Caps = { maxCount: 10, maxMonthlyUsd: 150 };
const KEYS = ["ttl", "maxCount", "maxMonthlyUsd"];

/** Of the project's folder; the defaults where there is none. @throws CommandError when it makes no sense */
export function readTemplate(project: string = process.cwd()): Template {
  const path = join(project, "Pulumi.sandbox.yaml");
  return templateOf(existsSync(path) ? load(readFileSync(path, "utf8")) : {});
}

export function templateOf(file: unknown): Template {
  const own = asMap(asMap(file)["sandbox"]);
  const unknown = Object.keys(own).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw wrong(unknown, `is not known; known are ${KEYS.join(", ")}`);
  const number = (key: keyof Caps): number => {
    const value = own[key] ?? DEFAULT_CAPS[key];
    if (typeof value !== "number" || !(value >= 0)) throw wrong(key, "must be a number, 0 or more");
    return value;
  };
  const ttl = own["ttl"] ?? TTL_DEFAULT;
  if (typeof ttl !== "string") throw wrong("ttl", "must be a duration such as 4h");
  ttlMinutes(ttl);
  return {
    config: asMap(asMap(file)["config"]),
    ttl,
    maxCount: number("maxCount"),
    maxMonthlyUsd: number("maxMonthlyUsd"),
  };
}

/** @throws CommandError when it is none, or too long */
export function ttlMinutes(duration: string): number {
  const minutes = minutesOf(duration);
  if (minutes !== undefined && minutes <= TTL_MAX_MINUTES) return minutes;
  throw new CommandError(
    `"${duration}" is no time to live: whole minutes, hours or days up to 31d, such as 4h`,
    EXIT.usage,
  );
}

const wrong = (key: string, why: string): CommandError =>
  new CommandError(`Pulumi.sandbox.yaml: sandbox.${key} ${why}`, EXIT.input);

/** What a sandbox has of its own, whatever anybody wishes. */
const OWN = ["secrets", "sandbox", "volumeGiB", "backup", "tailnet.hostname", "tailnet.ephemeral", "bootstrapRevision"];

/** `k=v` of `--set`: a value as YAML reads it. @throws CommandError */
export function readSettings(settings: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    settings.map((setting) => {
      const [, path = "", value = ""] = /^(?:hermes:)?([A-Za-z][\w.-]*)=(.*)$/s.exec(setting) ?? [];
      if (path === "")
        throw new CommandError(`--set ${setting}: write KEY=VALUE, such as models.primary=…`, EXIT.usage);
      const own = OWN.find((key) => path === key || path.startsWith(`${key}.`) || key.startsWith(`${path}.`));
      if (own !== undefined)
        throw new CommandError(`--set ${path}: a sandbox's ${own} is its own (docs/sandbox.md)`, EXIT.refused);
      return [path, load(value)];
    }),
  );
}
