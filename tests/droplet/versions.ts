import { setKey } from "../../bench/load";
import type { ProjectCopy } from "./project";

/** A version of OpenClaw with the day after its publication. */
export interface Pin {
  version: string;
  before: string;
}

/** Two real versions of which the older cannot read the newer one's state. */
export const OLD: Pin = { version: "2026.9.5", before: "2026-09-20" };
export const NEW: Pin = { version: "2026.9.6", before: "2026-09-25" };

export const configure = (project: ProjectCopy, { version, before }: Pin): void =>
  setKey(project, "openclaw", [`version: "${version}"`, `before: "${before}"`]);
