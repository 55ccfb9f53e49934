import { isMap } from "../../lib/maps";
import type { Bundles } from "./bundle";
import type { ExposureChange } from "./exposure";
import { find, TYPE, type Action, type Stack } from "./stack";
import { block, label } from "./text";
import type { ResourceState } from "./types";

/** Colours that are seen on a light page and on a dark one. */
const CLASSES: Readonly<Record<Action, string>> = {
  create: "stroke:#2da44e,stroke-width:3px",
  update: "stroke:#bf8700,stroke-width:3px",
  replace: "stroke:#cf222e,stroke-width:3px",
  delete: "stroke:#cf222e,stroke-width:3px,stroke-dasharray:6 4",
};

const MOST_AGENTS = 4;
const MOST_RULES = 5;

/** What stands where, and who reaches it: after the change, or before it where nothing is left. */
export function topology(stack: Stack, exposure: ExposureChange, bundles: Bundles): string | undefined {
  const isGone = find(stack.after.values(), TYPE.droplet) === undefined;
  const all = [...(isGone ? stack.before : stack.after).values()];
  const droplet = find(all, TYPE.droplet);
  if (droplet === undefined) return undefined;
  const volume = find(all, TYPE.volume) ?? find(stack.before.values(), TYPE.volume);
  const [name, size, region] = ["name", "size", "region"].map((key) => said(droplet, key));
  return block("mermaid", [
    "flowchart LR",
    '  internet(("internet"))',
    '  you["you, on the tailnet"]',
    `  subgraph region["DigitalOcean, ${region}"]`,
    '    firewall{{"firewall"}}',
    `    subgraph droplet["droplet ${name}, ${size}"]`,
    ...gatewayLines(bundles),
    "    end",
    ...(volume === undefined ? [] : [`    volume[("volume, ${said(volume, "size")} GiB")]`, "    droplet --- volume"]),
    "  end",
    ...inboundLines((isGone ? exposure.before : exposure.after).open),
    '  you -- "WireGuard, SSH" --> droplet',
    ...classLines(stack),
  ]);
}

const said = ({ inputs }: ResourceState, key: string): string =>
  label(String((inputs?.[key] as string | number | undefined) ?? "?"));

function gatewayLines({ before, after }: Bundles): string[] {
  const bundle = after ?? before;
  const openclaw = bundle?.rest["openclaw"];
  const version = isMap(openclaw) ? label(String(openclaw["version"])) : "";
  const gateway = `      gateway["OpenClaw ${version}<br/>on loopback only"]`;
  const agents = Object.keys(bundle?.workspaces ?? {}).map((agent) => label(agent, 20));
  if (agents.length === 0) return [gateway];
  const names = [...agents.slice(0, MOST_AGENTS), ...(agents.length > MOST_AGENTS ? ["…"] : [])].join(", ");
  return [gateway, `      agents["${agents.length === 1 ? "agent" : "agents"} ${names}"]`, "      gateway --- agents"];
}

/** Without a rule the firewall stands before the droplet all the same, by a line that is not drawn. */
function inboundLines(open: readonly string[]): string[] {
  if (open.length === 0) return ['  internet -. "nothing inbound" .-x firewall', "  firewall ~~~ droplet"];
  return [
    ...open.slice(0, MOST_RULES).map((each) => `  internet == "${label(each)}" ==> firewall`),
    "  firewall ==> droplet",
  ];
}

function classLines({ changes }: Stack): string[] {
  const nodes = { droplet: TYPE.droplet, volume: TYPE.volume, firewall: TYPE.firewall } as const;
  const marked = Object.entries(nodes).flatMap(([node, type]) => {
    const action = changes.find((one) => one.type === type)?.action;
    return action === undefined ? [] : [{ node, action }];
  });
  const used = [...new Set(marked.map(({ action }) => action))];
  return [
    ...used.map((action) => `  classDef ${action} ${CLASSES[action]}`),
    ...marked.map(({ node, action }) => `  class ${node} ${action}`),
  ];
}
