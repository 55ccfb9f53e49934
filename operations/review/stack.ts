import { isMap } from "../../lib/maps";
import type { PreviewStep, ReportInput, ResourceState } from "./types";

/** What stands for a secret in a preview. */
export const SECRET = "[secret]";
/** What stands for a value that is known only after the change. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** Marks what the state keeps encrypted. */
const SECRET_KEY = "4dabf18193072939515e22adb298388d";

export type Action = "create" | "update" | "replace" | "delete";
export const ACTIONS: readonly Action[] = ["delete", "replace", "create", "update"];

/** What becomes of one resource. */
export interface Change {
  action: Action;
  urn: string;
  type: string;
  name: string;
  before?: ResourceState;
  after?: ResourceState;
  step: PreviewStep;
}

/** The stack before and after. */
export interface Stack {
  /** Of resources that the cloud, the tailnet or the droplet know; components, providers and the stack itself left out. */
  changes: Change[];
  before: ReadonlyMap<string, ResourceState>;
  after: ReadonlyMap<string, ResourceState>;
  /** What stays as it is is known as well. */
  whole: boolean;
}

export function stackOf({ preview, state }: Pick<ReportInput, "preview" | "state">): Stack {
  const steps = preview.steps ?? [];
  const changes = steps.flatMap(changeOf);
  const before = new Map((state ?? []).map((resource) => [resource.urn, withoutSecrets(resource)]));
  // After a look at what is there (--refresh), a step has that as its old state, and the export has what was deployed.
  for (const { urn, op, oldState } of steps)
    if (oldState !== undefined && (actionOf(op) !== undefined || !before.has(urn))) before.set(urn, oldState);
  const after = new Map(before);
  for (const { urn, op, newState } of steps) {
    const action = actionOf(op);
    if (action === "delete") after.delete(urn);
    else if (newState !== undefined) after.set(urn, action === "update" ? grown(before.get(urn), newState) : newState);
  }
  return { changes, before, after, whole: state !== undefined || before.size === 0 };
}

/** An update keeps what the resource already was, but for its inputs. */
const grown = (before: ResourceState | undefined, after: ResourceState): ResourceState => ({
  ...after,
  outputs: { ...before?.outputs, ...after.outputs },
});

function actionOf(op: string): Action | undefined {
  if (/replace/.test(op)) return "replace";
  if (op === "import") return "create";
  return ACTIONS.find((action) => action === op);
}

function changeOf(step: PreviewStep): Change[] {
  const action = actionOf(step.op);
  const { type, name } = nameOf(step.urn);
  if (action === undefined || /^(pulumi:(pulumi|providers)|hermes):/.test(type)) return [];
  const { urn, oldState, newState } = step;
  return [
    {
      ...{ action, urn, type, name, step },
      ...(oldState === undefined ? {} : { before: oldState }),
      ...(newState === undefined || action === "delete" ? {} : { after: newState }),
    },
  ];
}

/** urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME; a name may have colons. */
export function nameOf(urn: string): { type: string; name: string } {
  const [, , types = "", ...name] = urn.split("::");
  return { type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

/** The first of a type, by the end of its name where there are several. */
export function find(all: Iterable<ResourceState>, type: string, suffix = ""): ResourceState | undefined {
  return [...all].find((one) => one.type === type && nameOf(one.urn).name.endsWith(suffix));
}

export const TYPE = {
  droplet: "digitalocean:index/droplet:Droplet",
  volume: "digitalocean:index/volume:Volume",
  firewall: "digitalocean:index/firewall:Firewall",
  tag: "digitalocean:index/tag:Tag",
  command: "command:remote:Command",
  key: "tailscale:index/tailnetKey:TailnetKey",
  local: "command:local:Command",
  stash: "pulumi:index:Stash",
  stack: "pulumi:pulumi:Stack",
} as const;

/** As a preview shows it: what the state keeps encrypted is "[secret]". */
function withoutSecrets<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutSecrets) as T;
  if (!isMap(value)) return value;
  if (SECRET_KEY in value) return SECRET as T;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutSecrets(each)])) as T;
}

export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== SECRET && value !== UNKNOWN ? value : undefined;
