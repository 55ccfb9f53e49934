import type { Catalogue, MemoryPlan } from "../../planner";

/** A resource as `pulumi preview --json` and `pulumi stack export` show it; only what is read here. */
export interface ResourceState {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  parent?: string;
  protect?: boolean;
}

/** What becomes of a property. */
interface PropertyDiff {
  /** add, delete, update, and the same with -replace. */
  kind: string;
  inputDiff?: boolean;
}

/** What becomes of a resource. Those that stay as they are stand in no preview. */
export interface PreviewStep {
  /** same, create, update, replace, delete, refresh, read, import, … */
  op: string;
  urn: string;
  oldState?: ResourceState;
  newState?: ResourceState;
  diffReasons?: string[];
  replaceReasons?: string[];
  detailedDiff?: Record<string, PropertyDiff> | null;
}

export interface Diagnostic {
  urn?: string;
  message?: string;
  /** info, info#err, warning, error. */
  severity?: string;
}

/** The document that `pulumi preview --json` prints. */
export interface PreviewDigest {
  /** Configuration as text, or JSON where it is no text; secrets are "[secret]". */
  config?: Record<string, string>;
  steps?: PreviewStep[];
  diagnostics?: Diagnostic[];
  changeSummary?: Record<string, number>;
  /** Nanoseconds. */
  duration?: number;
}

export interface ReportInput {
  /** Name of the stack, as people call it. */
  stack: string;
  preview: PreviewDigest;
  /**
   * The stack's resources as they are (`pulumi stack export`): a preview leaves out what stays as it is. Absent: only
   * what the preview shows is known, and the report says so.
   */
  state?: readonly ResourceState[] | undefined;
  /** The memory plan of what is there and of what is wanted. Absent: not known. */
  memory?: { before?: MemoryPlan | undefined; after?: MemoryPlan | undefined } | undefined;
  /** For prices. @default the list that came with hermes */
  catalogue?: Catalogue | undefined;
  /** What pulumi said when the preview failed and no diagnostic tells why. */
  failure?: string | undefined;
  /** `pulumi preview --refresh --json`: what is there differs from the state. Absent: nobody looked. */
  drift?: PreviewDigest | undefined;
  /** Characters; what does not fit is cut, and said. @default 60,000: both forges take about 65,000 in a comment */
  limit?: number | undefined;
}

/** From the least to the most that a reviewer has to think about. */
export const LEVELS = ["safe", "restarts", "replaces", "loses-state", "exposes", "policy", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface Verdict {
  /** The gravest of what the line says. */
  level: Level;
  /** One sentence in Markdown, without a line break. */
  line: string;
}

export interface Report {
  verdict: Verdict;
  markdown: string;
}
