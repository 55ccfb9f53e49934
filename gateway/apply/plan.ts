// What an activation has to change on disk. Reads only.
import type { ConfigBundle, SecretsBundle } from "./bundle.ts";
import { sha256 } from "./bundle.ts";
import type { Host } from "./host.ts";
import { NODE_CURRENT, OPENCLAW_CURRENT, WORKSPACES } from "./places.ts";
import { shown } from "./shown.ts";
import type { Manifest } from "./store.ts";
import type { Wanted } from "./tree.ts";
import { beside, isAs, readEntry, wantedFile } from "./tree.ts";

export interface Change {
  path: string;
  wanted: Wanted;
}

export interface Plan {
  changes: Change[];
  /** What will have been written once it is done. */
  manifest: Manifest;
  /** For people: what was found edited on the droplet. */
  notes: string[];
}

export function makePlan(host: Host, config: ConfigBundle, secrets: SecretsBundle, before: Manifest): Plan {
  const plan: Plan = { changes: [], manifest: { files: {}, workspaces: {} }, notes: [] };
  // Secrets first: a configuration that names a new one finds it.
  for (const [path, file] of [...Object.entries(secrets.files), ...Object.entries(config.files)]) {
    const wanted = wantedFile(host, file);
    plan.manifest.files[path] = sha256(wanted.content);
    if (!isAs(readEntry(host, path), wanted)) plan.changes.push({ path, wanted });
  }
  for (const path of Object.keys(before.files)) {
    if (!(path in plan.manifest.files) && readEntry(host, path).kind !== "absent") {
      plan.changes.push({ path, wanted: { kind: "absent" } });
    }
  }
  for (const agent of new Set([...Object.keys(config.workspaces), ...Object.keys(before.workspaces)])) {
    planWorkspace(host, plan, agent, config, before.workspaces[agent] ?? {});
  }
  const links = { [OPENCLAW_CURRENT]: config.openclaw.version, [NODE_CURRENT]: config.node.version };
  for (const [path, target] of Object.entries(links)) {
    const wanted: Wanted = { kind: "link", target };
    if (!isAs(readEntry(host, path), wanted)) plan.changes.push({ path, wanted });
  }
  return plan;
}

/** Files from the repository are replaced, one that somebody edited is kept beside; everything else is the agents'. */
function planWorkspace(
  host: Host,
  plan: Plan,
  agent: string,
  config: ConfigBundle,
  before: Record<string, string>,
): void {
  const files = config.workspaces[agent];
  const hashes: Record<string, string> = {};
  for (const [name, file] of Object.entries(files ?? {})) {
    const path = `${WORKSPACES}/${agent}/${name}`;
    const wanted = wantedFile(host, file);
    hashes[name] = sha256(wanted.content);
    const entry = readEntry(host, path);
    if (entry.kind === "file" && entry.content.equals(wanted.content)) continue;
    if (entry.kind === "file" && sha256(entry.content) !== before[name]) {
      const folder = path.slice(0, path.lastIndexOf("/") + 1);
      const kept = folder + beside(path.slice(folder.length), `.kept-${sha256(entry.content).slice(0, 8)}`);
      plan.notes.push(`${shown(path)} was edited on the droplet: kept as ${shown(kept)}`);
      plan.changes.push({ path: kept, wanted: entry });
    }
    plan.changes.push({ path, wanted });
  }
  for (const [name, hash] of Object.entries(before)) {
    if (name in hashes) continue;
    const path = `${WORKSPACES}/${agent}/${name}`;
    const entry = readEntry(host, path);
    if (entry.kind === "file" && sha256(entry.content) === hash)
      plan.changes.push({ path, wanted: { kind: "absent" } });
    else if (entry.kind !== "absent")
      plan.notes.push(`${shown(path)} is gone from the repository, but was edited here: left to the agent`);
  }
  if (files !== undefined) plan.manifest.workspaces[agent] = hashes;
}

/** Managed files that are not as they were applied. */
export function drift(host: Host, config: ConfigBundle, secrets: SecretsBundle | undefined): string[] {
  const system = Object.entries({ ...config.files, ...secrets?.files });
  const drifted = system
    .filter(([path, file]) => !isAs(readEntry(host, path), wantedFile(host, file)))
    .map(([path]) => path);
  for (const [agent, files] of Object.entries(config.workspaces)) {
    for (const [name, file] of Object.entries(files)) {
      const path = `${WORKSPACES}/${agent}/${name}`;
      const entry = readEntry(host, path);
      if (entry.kind !== "file" || !entry.content.equals(wantedFile(host, file).content)) drifted.push(path);
    }
  }
  return drifted.sort();
}
