import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrapInput, sourceText } from "../../cloud-init";
import { birthFiles } from "../../cloud-init/user-data";
import { textFile, type BundleFile } from "../../gateway/bundle";
import { gatewayFiles, type MemoryPlan } from "../../gateway/files";
import { secretPath } from "../../gateway/paths";
import { gatewaySecretNames } from "../../gateway/secret-names";
import type { HermesConfig } from "../../config";
import type { Lab } from "../../localcloud/lab";
import { buildNodeDist } from "../../localcloud/services/node-dist";
import { buildTailscaleApt } from "../../localcloud/services/tailscale-apt";
import type { Machine, Provisioning } from "../../localcloud/vm";

/** A droplet's programs and accounts, by the bootstrap's own functions; the downloads are the lab's. OpenClaw is not among them. */
export async function provisioning(lab: Lab, config: HermesConfig): Promise<Provisioning> {
  const node = await buildNodeDist(lab, config.node.version);
  const pool = join((await buildTailscaleApt(lab)).path, "pool");
  const deb = readdirSync(pool).find((name) => name.endsWith(".deb")) ?? "";
  // The last line runs it all.
  const functions = sourceText("hermes-bootstrap.sh").replace(/\nmain\n$/, "\n");
  const script = [
    functions,
    "install -d /var/lib/hermes",
    "make_accounts",
    "fetch_node",
    "use_node",
    `dpkg --install /mnt/pool/${deb}`,
  ];
  return {
    script: `${script.join("\n")}\n`,
    binds: { "/mnt/node.tar.xz": node.path, "/mnt/pool": pool },
    environment: {
      HERMES_NODE_VERSION: config.node.version,
      HERMES_NODE_URL: "file:///mnt/node.tar.xz",
      HERMES_NODE_SHA256: node.sha256,
    },
  };
}

/** hermes's files, and in OpenClaw's place a program that tests can let grow. */
export function hermesFiles(config: HermesConfig, memory: MemoryPlan): Record<string, BundleFile> {
  const birth = birthFiles(bootstrapInput(config)).map(({ path, mode, text }) => [
    path,
    textFile(text, { mode, owner: "root:root" }),
  ]);
  const secrets = gatewaySecretNames(config).map((name) => [
    secretPath(name),
    textFile("x".repeat(32), { mode: "0400", owner: "openclaw:openclaw" }),
  ]);
  return {
    ...(Object.fromEntries([...birth, ...secrets]) as Record<string, BundleFile>),
    ...gatewayFiles(config, memory),
    "/opt/openclaw/current/lib/node_modules/openclaw/package.json": program('{"type":"module"}'),
    "/opt/openclaw/current/lib/node_modules/openclaw/dist/index.js": program(here("gateway.mjs")),
    "/opt/hermes-vm/hog.py": program(here("hog.py")),
  };
}

const program = (text: string): BundleFile => textFile(text, { mode: "0755", owner: "root:root" });
const here = (name: string): string => readFileSync(join(__dirname, name), "utf8");

/** Writes the files and takes up the units, as the bootstrap and hermes-apply do. The gateway is not started. */
export async function settle(machine: Machine, files: Record<string, BundleFile>): Promise<void> {
  const writes = Object.entries(files).map(([path, { mode, owner, ...content }]) => {
    const bytes = "text" in content ? Buffer.from(content.text.join("\n")) : Buffer.from(content.base64, "base64");
    const [user, group] = owner.split(":");
    return `base64 -d <<<${bytes.toString("base64") || "''"} | install -D -m ${mode} -o ${user} -g ${group} /dev/stdin ${path}`;
  });
  await machine.on("bash -es", {
    input: `install -d -m 0750 -o openclaw -g openclaw /etc/openclaw/secrets\n${writes.join("\n")}\n`,
  });
  await machine.on(
    "systemctl daemon-reload && sysctl -q -p /etc/sysctl.d/90-hermes.conf && systemctl restart hermes-volume tailscaled ssh",
  );
}
