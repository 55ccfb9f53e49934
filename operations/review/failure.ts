import { stripVTControlCharacters } from "node:util";
import { SECRET_SHAPES } from "../../gateway/apply/secret-shapes";
import type { Diagnostic, ReportInput } from "./types";

/** What pulumi says of itself, and nobody needs here. */
const NOISE = /^(preview failed$|using pulumi-|resource plugin .* is expected to have version|warning: using pulumi-)/;

export interface Said {
  /** Without violations of policies. */
  errors: string[];
  /** A rule's name, and what was said of it. */
  violations: { rule: string; text: string }[];
  /** Of hermes and of providers, without pulumi's own. */
  warnings: string[];
  notes: string[];
}

export function saidBy({ preview, failure }: Pick<ReportInput, "preview" | "failure">): Said {
  const all = (preview.diagnostics ?? [])
    .map((one) => ({ severity: one.severity ?? "", text: textOf(one) }))
    .filter(({ text }) => text !== "" && !NOISE.test(text));
  const of = (test: RegExp) => [...new Set(all.filter(({ severity }) => test.test(severity)).map(({ text }) => text))];
  const failures = of(/^error$/);
  const violations = failures.flatMap(violationIn);
  const errors = failures.filter((text) => violationIn(text).length === 0);
  // That a list came with hermes and was not asked for anew is no warning to whoever reviews a change.
  const aside = /not (checked live|asked)/;
  const warned = of(/^warning$/);
  const told = failure === undefined || failures.length > 0 ? [] : [clean(failure)];
  return {
    errors: [...errors, ...told].filter((text) => text !== ""),
    violations,
    warnings: warned.filter((text) => !aside.test(text)),
    notes: of(/^info$/),
  };
}

/** "Firewall hermes: … (policy closed-ports)", as the program says it when it stops. */
function violationIn(text: string): Said["violations"] {
  const [end, rule] = / *\(policy ([a-z][a-z-]*)\)$/.exec(text) ?? [];
  return rule === undefined || end === undefined ? [] : [{ rule, text: text.slice(0, -end.length) }];
}

const textOf = ({ message = "", severity = "" }: Diagnostic): string => {
  const text = clean(message);
  return text.startsWith(`${severity}: `) ? text.slice(severity.length + 2) : text;
};

/** Without a terminal's colours, and without what looks like a key that the stack does not know. */
const clean = (text: string): string =>
  SECRET_SHAPES.reduce((rest, shape) => rest.replace(shape, "[secret]"), stripVTControlCharacters(text)).trim();
