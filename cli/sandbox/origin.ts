import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { asMap } from "../../config/look-up";
import { pulumiOutput } from "../pulumi";

/** Whose engine keeps a sandbox's state: the backend and the project. State in a folder is a machine's own. */
export async function originOf(project: string = process.cwd()): Promise<string> {
  const { url } = JSON.parse(await pulumiOutput(["whoami", "--json"])) as { url?: string };
  const { name } = asMap(load(readFileSync(join(project, "Pulumi.yaml"), "utf8")));
  return originDigest(url ?? "", String(name), hostname());
}

export function originDigest(backend: string, project: string, host: string): string {
  const where = backend.startsWith("file:") ? `${host} ${backend}` : backend;
  return createHash("sha256").update(`${where} ${project}`).digest("hex").slice(0, 8);
}
