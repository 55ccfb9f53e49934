import type { Ended } from "../engine/harness";
import type { Act } from "./cases";

/** What a person does next who reads the last lines of a run, and nothing that no message says. */
export type Move = "cancel" | "sweep" | "look" | "refresh" | "again" | "done";

export interface Seen {
  act: Act;
  code: number | null;
  output: string;
  /** Runs of `up` or `destroy` after the struck one. */
  runs: number;
}

/** A run that was refused is no try. One that was cut off, or struck and green, is run once more, as anybody would. */
export function nextMove({ code, output, runs }: Seen): Move {
  if (/locked by \d+ lock/.test(output)) return "cancel";
  if (code !== 0 && output.includes("hermes sweep --stack")) return "sweep";
  // It was made, and could not be read then: Pulumi takes that for a change until it has read it.
  if (code !== 0 && /updating failed.*doesn't support update/.test(output)) return "look";
  if (code === 0 && runs > 0) return /pending operations? from previous deployment/.test(output) ? "refresh" : "done";
  return "again";
}

/** The arguments of the `pulumi` command that `hermes sweep` ends with. */
export function afterSweep(stdout: string): string[] {
  const command = /^then: pulumi (.*)$/m.exec(stdout)?.[1];
  if (command === undefined) throw new Error(`hermes sweep names no next step:\n${stdout}`);
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const stack = words.indexOf("--stack");
  return words.filter((_, index) => stack < 0 || (index !== stack && index !== stack + 1));
}

/** The run's own words on why it failed, for a report. */
export function lastWords({ output }: Pick<Ended, "output">): string[] {
  return output
    .split("\n")
    .filter((line) => /error[:\s]|failed|locked/i.test(line))
    .map((line) => line.trim().slice(0, 300))
    .slice(-6);
}
