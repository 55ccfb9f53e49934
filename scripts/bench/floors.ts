// The bare costs that a bench's figures are held against, measured in the same run.
import { ContainerSubstrate, execInDroplet, releaseDroplets } from "../../localcloud/droplets";
import { tearDown } from "../../localcloud/embedded-cloud";
import { labOf } from "../../localcloud/lab";
import { createNetwork, waitFor } from "../../localcloud/network";
import type { ProjectCopy } from "../../tests/support/project-copy";

export interface Timing {
  what: string;
  seconds: number;
}

export async function timed(what: string, work: () => Promise<unknown>): Promise<Timing> {
  const started = Date.now();
  await work();
  return { what, seconds: (Date.now() - started) / 1000 };
}

/** A droplet with nothing to do, from power on to the end of cloud-init. */
export async function containerBoot(project: ProjectCopy): Promise<Timing> {
  const lab = labOf(project.dir, "bench");
  await createNetwork(lab);
  const substrate = await ContainerSubstrate.open(lab);
  const size = { memoryMiB: 2048, vcpus: 1, diskGiB: 50, region: "nyc3", image: "debian-13-x64" };
  const rest = { userData: "#cloud-config\n{}\n", sshKeys: [], ipv4: "198.51.100.10", volumeIds: [], tags: [] };
  try {
    return await timed("container boot", async () => {
      await substrate.createDroplet({ id: 1, name: "bench", ...size, ...rest });
      const done = async (): Promise<boolean> => {
        const status = await execInDroplet(lab, 1, ["cloud-init", "status"]).catch(() => undefined);
        return /status: (done|degraded|error)/.test(status?.stdout ?? "");
      };
      await waitFor("the end of cloud-init", done, { timeoutMs: 60_000, everyMs: 100 });
    });
  } finally {
    substrate.close();
    await releaseDroplets(lab);
    await tearDown(lab);
  }
}

export const npmInstall = (project: ProjectCopy): Promise<Timing> =>
  timed("npm install of OpenClaw", () =>
    project.droplet(
      "cd /root && version=$(basename $(readlink -f /opt/openclaw/current)) && NODE_USE_SYSTEM_CA=1 npm i -g --silent " +
        '--prefix /root/bench --cache /root/bench-npm --allow-scripts=openclaw "openclaw@$version" && rm -rf /root/bench*',
    ),
  );

/** The unit counts as started when the gateway is ready. */
export const gatewayStart = (project: ProjectCopy): Promise<Timing> =>
  timed("gateway start", () => project.droplet("systemctl restart openclaw-gateway"));

export const sum = (timings: Timing[]): number => timings.reduce((total, { seconds }) => total + seconds, 0);
