// Node's versions: each in a folder of its own, so that a new one stands beside the one that runs until it has proven itself.
import { existsSync, readdirSync } from "node:fs";
import type { ConfigBundle } from "./bundle.ts";
import { Refused, contentOf } from "./bundle.ts";
import type { Host } from "./host.ts";
import { INSTALL_NODE, NODE_VERSIONS, STAGE, nodeProgram } from "./places.ts";
import { put } from "./tree.ts";

/** Beside what runs: nothing is switched. By the bundle's own script. */
export async function installNode(host: Host, { files, node }: ConfigBundle): Promise<void> {
  if (existsSync(host.path(nodeProgram(node.version)))) return;
  const brought = files[INSTALL_NODE];
  if (brought === undefined)
    throw new Refused(`Node ${node.version} is not here, and the bundle has no ${INSTALL_NODE}`);
  host.say(`installing Node ${node.version} beside what runs`);
  const script = `${STAGE}/install-node.sh`;
  put(host, script, { kind: "file", content: contentOf(brought), mode: 0o700, ...host.ids("root:root") });
  const { code, stdout, stderr } = await host.run("bash", [host.path(script), node.version, node.url, node.sha256], {
    timeoutMs: 900_000,
  });
  if (code === 0) return;
  const why = `${stdout}\n${stderr}`.trim().split("\n").slice(-3).join("; ");
  throw new Refused(`Node ${node.version} could not be installed (exit ${code}); what ran still runs: ${why}`);
}

/** After the gateway runs on the new one: 200 MB each. What can't be removed now is removed next time. */
export async function retireNodes(host: Host, { node }: ConfigBundle): Promise<void> {
  const folder = host.path(NODE_VERSIONS);
  const versions = existsSync(folder) ? readdirSync(folder).filter((name) => /^\.?\d/.test(name)) : [];
  const old = versions.filter((name) => name !== node.version).map((name) => `${folder}/${name}`);
  if (old.length > 0) await host.run("rm", ["-rf", ...old]);
}
