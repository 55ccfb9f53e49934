import { createHash } from "node:crypto";
import { Server, type ServerChannel } from "ssh2";
import { newKey } from "../../cli/init";
import type { DropletSpec } from "../../localcloud/substrate";
import type { EngineBench } from "../engine/harness";
import type { FakeTailscale } from "../engine/fakes/tailscale-api";

/** What `hermes-apply` on one droplet was given. */
export interface Applied {
  staged: Record<string, string>;
  active?: { config: string; secrets: string };
}

/** Droplets that boot nothing: they spend their tailnet key, and answer SSH as a gateway that is well. */
export interface FakeDroplets {
  /** By droplet's id; those that were destroyed are gone. */
  applied: Map<number, Applied>;
  /** Device id on the tailnet by droplet's id. */
  nodes: Map<number, string>;
  stop(): Promise<void>;
}

const HOST_KEY = newKey("test");
const SSH_PORT = 22;

/** Has the bench's record-only droplets join its tailnet at once, each with an address of its own in 127.77.SLOT.0/24. */
export function fakeDroplets(bench: Pick<EngineBench, "substrate" | "tailscale">, slot: number): FakeDroplets {
  const applied: FakeDroplets["applied"] = new Map();
  const nodes: FakeDroplets["nodes"] = new Map();
  const servers = new Map<number, Server>();
  const { createDroplet, destroyDroplet } = bench.substrate;
  let born = 0;

  bench.substrate.createDroplet = async (spec) => {
    await createDroplet(spec);
    const address = `127.77.${slot}.${++born}`;
    const node = join(bench.tailscale, spec, address);
    // A spent key: the machine runs, but nobody reaches it.
    if (node === undefined) return;
    const given: Applied = { staged: {} };
    applied.set(spec.id, given);
    nodes.set(spec.id, node);
    servers.set(spec.id, await sshServer(address, given));
  };
  bench.substrate.destroyDroplet = async (id) => {
    await destroyDroplet(id);
    await closed(servers.get(id));
    servers.delete(id);
    applied.delete(id);
  };
  return { applied, nodes, stop: async () => void (await Promise.all([...servers.values()].map(closed))) };
}

/** Joins with the single-use key that its user data brought; undefined when that is spent or unknown. */
function join(tailscale: FakeTailscale, spec: DropletSpec, address: string): string | undefined {
  const id = /tskey-auth-(k\w+CNTRL)-/.exec(spec.userData)?.[1];
  const key = id === undefined ? undefined : tailscale.keys.get(id);
  if (key === undefined || key["invalid"] === true) return undefined;
  key["invalid"] = true;
  const capabilities = key["capabilities"] as { devices: { create: { tags: string[] } } };
  const taken = (label: string): boolean => tailscale.devices.some((device) => device.name.startsWith(`${label}.`));
  const label = taken(spec.name) ? `${spec.name}-${tailscale.devices.length}` : spec.name;
  const device = {
    id: `n${spec.id}`,
    nodeId: `n${spec.id}CNTRL`,
    name: `${label}.tail1234.ts.net`,
    hostname: spec.name,
    tags: capabilities.devices.create.tags,
    addresses: [address],
    created: new Date().toISOString(),
    connectedToControl: true,
  };
  tailscale.devices.push(device);
  return device.id;
}

function sshServer(address: string, given: Applied): Promise<Server> {
  const server = new Server({ hostKeys: [HOST_KEY] }, (client) => {
    client.on("error", () => undefined);
    client.on("authentication", (context) => context.accept());
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => answer(acceptExec(), command, given));
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(SSH_PORT, address, () => resolve(server));
  });
}

function answer(channel: ServerChannel, command: string, given: Applied): void {
  const input: Buffer[] = [];
  channel.on("data", (chunk: Buffer) => input.push(chunk));
  channel.on("end", () => {
    const { code, reply } = hermesApply(command, Buffer.concat(input).toString(), given);
    channel.write(`${JSON.stringify(reply)}\n`);
    channel.exit(code);
    channel.end();
  });
}

/** As far as `up` looks: a bundle that is activated must be the one that was staged. */
function hermesApply(command: string, stdin: string, given: Applied): { code: number; reply: object } {
  const stage = /^hermes-apply stage (\w+)$/.exec(command)?.[1];
  if (stage !== undefined) {
    given.staged[stage] = createHash("sha256").update(stdin).digest("hex");
    return { code: 0, reply: { ok: true } };
  }
  if (command === "hermes-apply activate") {
    const { config, secrets } = JSON.parse(stdin) as { config: string; secrets: string };
    if (given.staged["config"] !== config || given.staged["secrets"] !== secrets) {
      return { code: 1, reply: { ok: false, error: "what is to be activated was not staged" } };
    }
    given.active = { config, secrets };
    return { code: 0, reply: { ok: true } };
  }
  if (command.startsWith("hermes-apply status")) {
    const ready = given.active !== undefined;
    return { code: ready ? 0 : 3, reply: { ok: ready, ready, agentTurn: { ok: ready } } };
  }
  return { code: 1, reply: { ok: false, error: `the fake droplet has no "${command}"` } };
}

const closed = (server: Server | undefined): Promise<void> =>
  new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
