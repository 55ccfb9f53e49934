import type { Report, ReportInput } from "./types";

/** What a reviewer reads of a change before it is made. Pure: the same text for the same preview. */
export function renderReport(input: ReportInput): Report {
  const verdict = { level: "safe", line: `${input.preview.steps?.length ?? 0} steps` } as const;
  return { verdict, markdown: `${verdict.line}\n` };
}
