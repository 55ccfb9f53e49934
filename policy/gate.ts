import * as pulumi from "@pulumi/pulumi";
import type { HermesConfig } from "../config/types";
import type { Catalogue } from "../planner";
import type { ModelList } from "../planner/openrouter/list";
import { violations } from "./rules";
import { policySettings } from "./settings";
import { violationText } from "./text";
import { plainProps, stackUrn, type PolicyResource, type PolicySettings, type Violation } from "./types";

/** The language host then adds nothing of its own: what is wrong has been said. */
const EXIT_ALREADY_TOLD = 32;

/** What a program sends to the engine for one resource; only what is read here. */
interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
}

interface Monitor {
  registerResource(request: RegisterRequest, ...rest: unknown[]): unknown;
}

/**
 * Holds every resource that the program sends to the engine against the rules, whoever made it and whatever
 * transformations made of it. A preview tells all that is wrong, and fails; an update ends at the first wrong resource,
 * which is not sent.
 *
 * Stands at the SDK's way to the engine: a transformation could be followed by another one, and transforms of the engine
 * need a language host that knows them. Close it while the program is loaded, ahead of whatever makes a resource.
 *
 * @returns opens it, once the settings are known; until then no resource passes
 */
export function closedGate(): (settings: PolicySettings) => void {
  const monitor = (pulumi.runtime as unknown as { getMonitor(): Monitor | undefined }).getMonitor();
  if (monitor === undefined) throw new Error("there is no engine to keep resources from");
  let open: (settings: PolicySettings) => void = () => undefined;
  const settings = new Promise<PolicySettings>((resolve) => (open = resolve));
  const judge = judgeOf();
  const send = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, ...rest) =>
    void settings.then(async (known) => {
      if (await passes(judge(resourceOf(request), known))) send(request, ...rest);
    });
  return open;
}

/** Remembers what was sent before, and what was said of it. */
function judgeOf(): (resource: PolicyResource, settings: PolicySettings) => string[] {
  const sent: PolicyResource[] = [];
  const told = new Set<string>();
  return (resource, settings) => {
    sent.push(resource);
    return violations(sent, settings).flatMap((violation) => {
      const key = isOfStack(violation) ? violation.rule : JSON.stringify(violation);
      if (told.has(key)) return [];
      told.add(key);
      return [violationText(violation)];
    });
  };
}

/** Told once, when it becomes so: with each further resource its figures are others. */
const isOfStack = ({ resource }: Violation): boolean => resource === stackUrn(resource);

/** In a preview whatever is wrong passes all the same, so that the rest is seen; the run fails. */
async function passes(found: readonly string[]): Promise<boolean> {
  if (found.length === 0) return true;
  for (const text of found) await pulumi.log.error(text);
  process.exitCode = EXIT_ALREADY_TOLD;
  if (pulumi.runtime.isDryRun()) return true;
  process.exit();
}

function resourceOf(request: RegisterRequest): PolicyResource {
  const [type, name] = [request.getType(), request.getName()];
  return {
    urn: urnOf(type, name, request.getParent()),
    type,
    name,
    props: plainProps(request.getObject()?.toJavaScript() ?? {}),
    protect: request.getProtect(),
  };
}

/** What the engine will call it. */
function urnOf(type: string, name: string, parent: string): string {
  const [, , types = ""] = parent.split("::");
  const chain = types === "" || types === "pulumi:pulumi:Stack" ? type : `${types}$${type}`;
  return `urn:pulumi:${pulumi.getStack()}::${pulumi.getProject()}::${chain}::${name}`;
}

/** What the rules hold this stack against. */
export async function policyOf(
  config: HermesConfig,
  known: { catalogue: Catalogue; models: ModelList; secrets: Record<string, pulumi.Output<string>> },
): Promise<PolicySettings> {
  const secrets = await new Promise<Record<string, string>>((resolve) => void pulumi.all(known.secrets).apply(resolve));
  const sandbox = new pulumi.Config("hermes-sandbox").get("of") !== undefined;
  return policySettings(config, { ...known, sandbox, secrets });
}
