import { block, label } from "./text";
import type { ExposureChange } from "./exposure";
import { find, TYPE, type Action, type Stack } from "./stack";
import type { Bundles } from "./bundle";
import { isMap } from "../digitalocean/account";

/** Colours that are seen on a light page and on a dark one. */
const CLASSES: Readonly<Record<Action, string>> = {
  create: "stroke:#2da44e,stroke-width:3px",
  update: "stroke:#bf8700,stroke-width:3px",
  replace: "stroke:#cf222e,stroke-width:3px",
  delete: "stroke:#cf222e,stroke-width:3px,stroke-dasharray:6 4",
};

/** What stands where, and who reaches it: after the change, or before it where nothing is left. */
export function topology(stack: Stack, exposure: ExposureChange, bundles: Bundles): string | undefined {
  const gone = find(stack.after.values(), TYPE.droplet) === undefined;
  const all = [...(gone ? stack.before : stack.after).values()];
  const droplet = find(all, TYPE.droplet);
  if (droplet === undefined) return undefined;
  const volume = find(all, TYPE.volume) ?? find(stack.before.values(), TYPE.volume);
  const { open } = gone ? exposure.before : exposure.after;
  const [name, size, region] = ["name", "size", "region"].map((key) => label(String(droplet.inputs?.[key] ?? "?")));
  const bundle = bundles.after ?? bundles.before;
  const openclaw = isMap(bundle?.rest["openclaw"]) ? label(String(bundle.rest["openclaw"]["version"])) : "";
  const agents = Object.keys(bundle?.workspaces ?? {});
  const lines = [
    "flowchart LR",
    '  internet(("internet"))',
    '  you["you, on the tailnet"]',
    `  subgraph region["DigitalOcean, ${region}"]`,
    '    firewall{{"firewall"}}',
    `    subgraph droplet["droplet ${name}, ${size}"]`,
    `      gateway["OpenClaw ${openclaw}<br/>on loopback only"]`,
    ...(agents.length === 0
      ? []
      : [
          `      agents["${agents.length === 1 ? "agent" : "agents"} ${agents
            .slice(0, 4)
            .map((agent) => label(agent, 20))
            .join(", ")}${agents.length > 4 ? ", …" : ""}"]`,
          "      gateway --- agents",
        ]),
    "    end",
    ...(volume === undefined
      ? []
      : [`    volume[("volume, ${label(String(volume.inputs?.["size"] ?? "?"))} GiB")]`, "    droplet --- volume"]),
    "  end",
    ...(open.length === 0
      ? ['  internet -. "nothing inbound" .-x firewall']
      : open.slice(0, 5).map((each) => `  internet == "${label(each)}" ==> firewall`)),
    ...(open.length === 0 ? [] : ["  firewall ==> droplet"]),
    ...(open.length === 0 ? ["  firewall ~~~ droplet"] : []),
    '  you -- "WireGuard, SSH" --> droplet',
    ...classLines(stack),
  ];
  return block("mermaid", lines);
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
