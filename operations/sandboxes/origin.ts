import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { readYaml } from "../../config/yaml-file";
import { asMap } from "../../lib/maps";
import { pulumiOutput } from "../../lib/pulumi";
import { projectFolder } from "../stack/project";

/** Whose engine keeps a sandbox's state: the backend and the project. State in a folder is a machine's own. */
export async function originOf(project: string = projectFolder()): Promise<string> {
  const { url } = JSON.parse(await pulumiOutput(["whoami", "--json"])) as { url?: string };
  const { name } = asMap(readYaml(join(project, "Pulumi.yaml"), "Pulumi.yaml"));
  return originDigest(url ?? "", String(name), hostname());
}

export function originDigest(backend: string, project: string, host: string): string {
  const where = backend.startsWith("file:") ? `${host} ${backend}` : backend;
  return createHash("sha256").update(`${where} ${project}`).digest("hex").slice(0, 8);
}
