// What a check of the doctor says, and what it has to look with.
import { lstatSync } from "node:fs";
import type { Host } from "./host.ts";
import type { Applied } from "./store.ts";

type Level = "ok" | "warn" | "fail";

export interface Finding {
  level: Level;
  /** One line, for people. */
  found: string;
  /** What to do about it; absent when all is well. */
  fix?: string;
}

export interface Patient {
  host: Host;
  applied: Applied;
}

/** Looks at one thing. @returns undefined when this droplet has nothing of the kind @throws Error when it can't be told */
export type Check = (patient: Patient) => Promise<Finding | undefined>;

export const ok = (found: string): Finding => ({ level: "ok", found });
export const warn = (found: string, fix: string): Finding => ({ level: "warn", found, fix });
export const fail = (found: string, fix: string): Finding => ({ level: "fail", found, fix });

/** The only thing that writes what was applied once more, though no input changed. */
export const APPLY_AGAIN = "pulumi up --replace '**-activate'";

const TIMEOUT_MS = 20_000;

/** @throws Error when the command is not there, takes too long or fails, with what it said */
export async function output(host: Host, command: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(command, args, { timeoutMs: TIMEOUT_MS });
  if (code === 0) return stdout;
  const why = stderr.trim().split("\n").at(-1) ?? "";
  throw new Error(`${command} ${args[0] ?? ""} ended with ${code}${why === "" ? "" : `: ${why}`}`);
}

/** `Name=value` lines, as systemctl and timedatectl print them. */
export function properties(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1).trim()]),
  );
}

/** The droplet's clock, seconds since 1970. */
export async function clock(host: Host): Promise<number> {
  const seconds = Number(await output(host, "date", ["+%s"]));
  if (!Number.isFinite(seconds)) throw new Error("date says no number");
  return seconds;
}

/** Seconds since 1970; undefined when there is no such file. */
export function changedAt(host: Host, path: string): number | undefined {
  const stat = lstatSync(host.path(path), { throwIfNoEntry: false });
  return stat === undefined ? undefined : stat.mtimeMs / 1000;
}

export const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);
export const DAY_SECONDS = 86_400;

/** "1.9 GiB", "312 MiB". */
export const size = (bytes: number): string =>
  bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
