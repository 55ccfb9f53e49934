import type { StateResource } from "./state";
import type { Thing } from "./things";

const HERMES = "hermes:index:Hermes";

/** The name that the stack had when its resources were made; undefined where nothing of hermes is in the state. */
export function madeAs(state: readonly StateResource[]): string | undefined {
  return state
    .find(({ type }) => type === HERMES)
    ?.urn.split("::")
    .at(-1);
}

/** What a preview of a renamed stack ends with. */
export function renamedText(from: string, to: string): string {
  return [
    `This stack was called ${from} when its resources were made, and is called ${to} now. Nothing was changed.`,
    "  hermes names the tag, the firewall, the SSH key, the volume and its own components after the stack: with the new name",
    "  it would make all of them again, and delete the old ones with the droplet.",
    `  Rename it back: pulumi stack rename ${from} --stack ${to}`,
    '  To get another name, make a new stack and restore a backup there (docs/backup.md, "Into another region").',
  ].join("\n");
}

/** What a preview ends with where the account has what this stack would make, and its state has nothing at all. */
export function ownedElsewhereText(stack: string, found: readonly Thing[]): string {
  return [
    `DigitalOcean has resources with the name of stack ${stack}, which has not made anything yet. Nothing was changed.`,
    ...found.map(({ kind, id, name, detail }) => `  ${kind} ${name} (${id}${detail === "" ? "" : `, ${detail}`})`),
    `  A stack ${stack} of another project, organisation or backend may own them. If you meant that stack, select its backend`,
    "  (PULUMI_BACKEND_URL, pulumi login), or move its state here: pulumi stack export, pulumi stack import (docs/state.md).",
    "  If it belongs to somebody else, give this stack another name.",
    `  Only if no state has them any more, look at them and remove them: ./hermes sweep --stack ${stack}`,
  ].join("\n");
}
