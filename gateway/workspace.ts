import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readWorkspace } from "../config/workspace";
import type { HermesConfig } from "../config/types";
import { contentFile, type BundleFile } from "./bundle";

/**
 * The workspace folders of all agents, as a bundle has them. What they may hold was checked with the configuration;
 * here everything that is no file, or a link to one in the project, is an error.
 */
export function readWorkspaces(project: string, config: HermesConfig): Record<string, Record<string, BundleFile>> {
  const agents = Object.entries(config.agents).map(
    ([id, agent]) => [id, readFolder(project, id, agent.workspace)] as const,
  );
  return Object.fromEntries(agents);
}

function readFolder(project: string, agent: string, folder: string): Record<string, BundleFile> {
  const workspace = readWorkspace(project, folder);
  const key = `hermes:agents.${agent}.workspace is ${JSON.stringify(folder)}`;
  if (workspace.kind !== "folder") throw new Error(`${key}: no such folder in the project.`);
  if (!workspace.complete) throw new Error(`${key}: it holds too many files.`);
  const files = workspace.entries.map(({ path, source, kind }) => {
    if (kind !== "file" && kind !== "link")
      throw new Error(`${key}: ${path} is neither a file nor a link to one in it.`);
    const meta = { mode: "0600", owner: "openclaw:openclaw" };
    return [path, contentFile(readFileSync(join(project, folder, source ?? path)), meta)] as const;
  });
  return Object.fromEntries(files);
}
