import { existsSync } from "node:fs";
import { join } from "node:path";
import { formatProblem } from "../../config/problem";
import { parseYaml, readYaml } from "../../config/yaml-file";
import { asMap } from "../../lib/maps";
import { nearest } from "../../lib/nearest";
import { CommandError, EXIT } from "../../lib/output";
import { duration, wrongValue } from "../stack/input";
import { projectFolder } from "../stack/project";
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
export function readTemplate(project: string = projectFolder()): Template {
  const path = join(project, "Pulumi.sandbox.yaml");
  return templateOf(existsSync(path) ? readYaml(path, "Pulumi.sandbox.yaml") : {});
}

const WHERE = "Pulumi.sandbox.yaml: sandbox";

function unknownKey(key: string): CommandError {
  const meant = nearest(key, KEYS);
  const told = {
    key: `${WHERE}.${key}`,
    wrong: "is not a key that hermes knows",
    allowed: `Known here: ${KEYS.join(", ")}.`,
    fix: meant === undefined ? "Remove it." : `Rename it to ${meant}.`,
  };
  return new CommandError(formatProblem(told), EXIT.input);
}

function cap(key: keyof Caps, own: Record<string, unknown>): number {
  const value = own[key] ?? DEFAULT_CAPS[key];
  if (typeof value === "number" && value >= 0) return value;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  throw wrongValue(`${WHERE}.${key}`, text, {
    wrong: "it is not a number, or below 0",
    allowed: "A number from 0 on, without quotes and without a unit.",
    fix: `Write ${/\d+(\.\d+)?/.exec(text.replace("-", ""))?.[0] ?? DEFAULT_CAPS[key]}.`,
  });
}

export function templateOf(file: unknown): Template {
  const own = asMap(asMap(file)["sandbox"]);
  const unknown = Object.keys(own).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw unknownKey(unknown);
  const said = own["ttl"] ?? TTL_DEFAULT;
  const ttl = typeof said === "string" ? said : JSON.stringify(said);
  ttlMinutes(ttl, `${WHERE}.ttl`);
  return {
    config: asMap(asMap(file)["config"]),
    ttl,
    maxCount: cap("maxCount", own),
    maxMonthlyUsd: cap("maxMonthlyUsd", own),
  };
}

/** @param flag what it was said by @throws CommandError when it is not a duration, or too long */
export const ttlMinutes = (ttl: string, flag = "--ttl"): number =>
  duration(flag, ttl, {
    ...{ min: 1, max: TTL_MAX_MINUTES, such: TTL_DEFAULT },
    allowed: "A duration up to 31d: whole minutes, hours or days.",
  });

/** What a sandbox has of its own, whatever anybody wishes. */
const OWN = ["secrets", "sandbox", "volumeGiB", "backup", "tailnet.hostname", "tailnet.ephemeral", "bootstrapRevision"];

function noSetting(setting: string): CommandError {
  const [, key, value] = /^(?:hermes:)?([A-Za-z][\w.-]*?)\s*(?:=|:(?=\s))\s*(.*)$/s.exec(setting.trim()) ?? [];
  return wrongValue("--set", setting, {
    wrong: "it is not a key and a value",
    allowed: "KEY=VALUE: a key of the stack's file, without blanks around the =, and its value.",
    fix: key === undefined ? "Write size=s-2vcpu-4gb, with your own key and value." : `Write ${key}=${value}.`,
  });
}

/** The parser's words are about files. */
function settingValue(path: string, value: string): unknown {
  try {
    return parseYaml(value, `--set ${path}`);
  } catch {
    throw wrongValue(`--set ${path}`, value, {
      wrong: "YAML cannot read it",
      allowed: "One value as it stands in a stack's file: a text, a number, a list [a, b] or a map {a: b}.",
      fix: `Put it in quotes twice: --set '${path}="…"'.`,
    });
  }
}

/** `k=v` of `--set`: a value as YAML reads it. @throws CommandError */
export function readSettings(settings: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    settings.map((setting) => {
      const [, path = "", value = ""] = /^(?:hermes:)?([A-Za-z][\w.-]*)=(.*)$/s.exec(setting) ?? [];
      if (path === "") throw noSetting(setting);
      const own = OWN.find((key) => path === key || path.startsWith(`${key}.`) || key.startsWith(`${path}.`));
      if (own !== undefined)
        throw new CommandError(
          formatProblem({
            key: `--set ${path}`,
            wrong: `is set, and a sandbox's ${own} is its own`,
            allowed: `Every key of hermes: except ${OWN.join(", ")} (docs/sandbox.md).`,
            fix: `Leave --set ${path} out.`,
          }),
          EXIT.refused,
        );
      return [path, settingValue(path, value)];
    }),
  );
}
