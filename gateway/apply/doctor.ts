// What is wrong with this droplet, and how to fix it. Changes nothing but the note of what the MCP servers answered.
import { describe, lastLines, unitState } from "./gateway.ts";
import type { Check, Finding, Patient } from "./doctor-findings.ts";
import { APPLY_AGAIN, clock, fail, warn } from "./doctor-findings.ts";
import { HERMES_CHECKS } from "./doctor-hermes.ts";
import { NETWORK_CHECKS } from "./doctor-network.ts";
import { SYSTEM_CHECKS } from "./doctor-system.ts";
import { TEMPORARY_CHECKS } from "./doctor-temporary.ts";
import type { Host } from "./host.ts";
import { installedVersion } from "./openclaw-tree.ts";
import { scrubber } from "./scrub.ts";
import { shown } from "./shown.ts";
import type { Applied } from "./store.ts";
import { emptyManifest, readApplied } from "./store.ts";

interface Checked extends Finding {
  name: string;
}

/** The one line on standard output. */
export interface Diagnosis {
  /** No check failed; warnings are allowed. */
  ok: boolean;
  /** OpenClaw's version as its link has it. */
  version: string;
  configHash: string;
  /** The droplet's clock, seconds since 1970; 0 when it could not be read. */
  time: number;
  checks: Checked[];
}

const CHECKS: Record<string, Check> = { ...HERMES_CHECKS, ...NETWORK_CHECKS, ...SYSTEM_CHECKS, ...TEMPORARY_CHECKS };

export async function doctor(host: Host): Promise<Diagnosis> {
  const { applied, problem } = books(host);
  const scrub = scrubber(applied.secrets);
  const checks: Checked[] = problem === undefined ? [] : [problem];
  for (const [name, check] of Object.entries(CHECKS)) {
    const finding = await examine(check, { host, applied });
    if (finding !== undefined) checks.push(cleaned(name, finding, scrub));
  }
  await sayFindings(host, checks, scrub);
  return {
    ok: checks.every(({ level }) => level !== "fail"),
    version: installedVersion(host) ?? "",
    configHash: applied.configHash ?? "",
    time: await clock(host).catch(() => 0),
    checks,
  };
}

/** One that can't be done must not hide the others. */
async function examine(check: Check, patient: Patient): Promise<Finding | undefined> {
  try {
    return await check(patient);
  } catch (error) {
    return warn(`could not be checked: ${(error as Error).message}`, "look on the droplet itself: ./hermes ssh");
  }
}

function books(host: Host): { applied: Applied; problem?: Checked } {
  try {
    return { applied: readApplied(host) };
  } catch (error) {
    const problem = fail(`what was applied cannot be read: ${(error as Error).message}`, APPLY_AGAIN);
    return { applied: { manifest: emptyManifest() }, problem: { name: "books", ...problem } };
  }
}

/** Findings quote files' names, units' results and programs' last words. */
function cleaned(name: string, { level, found, fix }: Finding, scrub: (text: string) => string): Checked {
  const line = (text: string) => shown(scrub(text).replace(/\p{Cc}+/gu, " "));
  return { name, level, found: line(found), ...(fix === undefined ? {} : { fix: line(fix) }) };
}

async function sayFindings(host: Host, checks: Checked[], scrub: (text: string) => string): Promise<void> {
  for (const { name, level, found, fix } of checks) {
    if (level !== "ok") host.say(`${level} ${name}: ${found}${fix === undefined ? "" : `\n  ${fix}`}`);
  }
  if (checks.every(({ name, level }) => name !== "gateway" || level === "ok")) return;
  host.say(describe(await unitState(host)));
  for (const line of await lastLines(host)) host.say(`  ${scrub(line)}`);
}
