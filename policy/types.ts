import type { Catalogue } from "../planner";
import type { ModelList } from "../planner/openrouter/list";

/** A resource as a program registers it, a preview shows it, or a state holds it. */
export interface PolicyResource {
  urn: string;
  /** For example "digitalocean:index/droplet:Droplet". */
  type: string;
  name: string;
  /**
   * Its inputs. What is not known yet is {@link UNKNOWN}, and judged when it is. May hold secrets: no message repeats a
   * value of a property that could.
   */
  props: Record<string, unknown>;
  /** Pulumi refuses to delete it. */
  protect: boolean;
  /** What is made before it. Absent: what stands before it in the list. */
  after?: readonly PolicyResource[];
}

/** What the rules hold the resources against. */
export interface PolicySettings {
  catalogue: Catalogue;
  /** OpenRouter's. */
  models: ModelList;
  allowPaidModels: boolean;
  /** A model that is in no list, and not free by its name, counts as paid unless this is true. */
  allowUnknownModels: boolean;
  /** USD for all resources together; absent: any. */
  maxMonthlyUsd?: number | undefined;
  /** A throw-away stack: nothing in it has to be kept. */
  sandbox: boolean;
  /** The stack's secrets by name: looked for, never printed. */
  secrets: Record<string, string>;
}

export interface Violation {
  /** Name of the rule. */
  rule: string;
  /** URN; that of the stack where it takes several. */
  resource: string;
  /** What was found, and what to do: full sentences on one line, without a secret. */
  message: string;
}

/** What is wrong, and what to do about it. */
export interface Finding {
  /** Follows the resource's name; no full stop. */
  found: string;
  /** A full sentence. */
  fix: string;
}

export interface Rule {
  name: string;
  /** A sentence for docs and policy packs. */
  says: string;
  /** What is wrong with a resource, whatever the others are. */
  one?: (resource: PolicyResource, settings: PolicySettings) => Finding[];
  /** What shows only when those before a resource are seen with it. */
  all?: (resources: readonly PolicyResource[], settings: PolicySettings) => (Finding & { resource: string })[];
}

/** How the engine writes a value that it does not know yet, also in the JSON of a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The entries of a list that are known; none where there is no list. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value.filter((entry) => entry !== UNKNOWN) : [];
}

/** Whether something that matters here is not known yet. */
export function isUnknown(value: unknown): boolean {
  return value === UNKNOWN || (Array.isArray(value) && value.includes(UNKNOWN));
}

/** `urn:pulumi:STACK::PROJECT::TYPES::NAME`. */
export const stackOf = (urn: string): string => urn.split("::")[0]?.slice("urn:pulumi:".length) ?? "";

/** The URN of the stack that a resource is of. */
export function stackUrn(urn: string): string {
  const [stack, project] = [stackOf(urn), urn.split("::")[1] ?? ""];
  return `urn:pulumi:${stack}::${project}::pulumi:pulumi:Stack::${project}-${stack}`;
}

/** From how the engine has them, on the wire and in a state: secrets in clear. */
export const plainProps = (props: Record<string, unknown>): Record<string, unknown> =>
  plain(props) as Record<string, unknown>;

/** How the engine marks a map that stands for something else. */
const MARK = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const map = value as Record<string, unknown>;
  if (map[MARK] === SECRET) return plain(map["value"]);
  if (map[MARK] === OUTPUT) return "value" in map ? plain(map["value"]) : UNKNOWN;
  return Object.fromEntries(Object.entries(map).map(([key, each]) => [key, plain(each)]));
}
