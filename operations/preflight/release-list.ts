import { schemasOf, type Schemas } from "../../gateway/apply/versions";
import shipped from "./openclaw-releases.json";

/** A version of OpenClaw on npm, as far as its package says. */
export interface Release {
  version: string;
  /** Range of Node's versions that it runs on; absent: it does not say. */
  node?: string;
  /** Newest formats of state that it reads. */
  schemas?: Schemas;
}

/** What is known of the version that the configuration asks for, and from where. */
export interface ReleaseFacts {
  /** Absent: not known, or there is no such version. */
  release?: Release;
  /** `live`: asked from the registry in this run; `shipped`: the list that came with hermes. */
  source: "live" | "shipped";
  /** Versions that there are, newest first, when the one asked for is not among them. */
  others?: string[];
  /** ISO date of the shipped list. */
  asOf?: string;
  /** Why the registry was not asked with success. */
  failure?: string;
}

export const SHIPPED: readonly Release[] = shipped.releases;

export function shippedFacts(version: string): ReleaseFacts {
  const release = SHIPPED.find((each) => each.version === version);
  return { ...(release && { release }), source: "shipped", asOf: shipped.as_of };
}

/** A package.json as the registry gives it. */
export function parseRelease(version: string, manifest: Record<string, unknown>): Release {
  const { node } = (manifest["engines"] ?? {}) as Record<string, unknown>;
  const schemas = schemasOf((manifest["openclaw"] as { schemaVersions?: unknown } | undefined)?.schemaVersions);
  return { version, ...(typeof node === "string" && { node }), ...(schemas && { schemas }) };
}
