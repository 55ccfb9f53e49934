import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket, type Server as TcpServer } from "node:net";
import { Server, type ServerChannel } from "ssh2";
import type { DropletSpec } from "../../localcloud/substrate";
import { newKey } from "../../operations/init/init";
import type { FakeTailscale } from "../engine/fakes/tailscale-api";
import type { EngineBench } from "../engine/harness";
import { exchange, isExchange, type Identity } from "../fixtures/host-key-exchange";
import { CONNECTION } from "./cases";
import type { Ledger } from "./ledger";

/** What `hermes-apply` on one droplet was given. */
interface Applied {
  staged: Record<string, string>;
  active?: { config: string; secrets: string };
}

/** Droplets that boot nothing: they spend their tailnet key, and answer SSH as a gateway that is well. */
export interface FakeDroplets {
  /** By droplet's id; those that were destroyed are gone. */
  applied: Map<number, Applied>;
  /** Device id on the tailnet by droplet's id. */
  nodes: Map<number, string>;
  /** What the machine at a droplet's address shows, and knows, by droplet's id. */
  identities: Map<number, Identity>;
  stop(): void;
}

const SSH_PORT = 22;

/** A server that is refused for a while comes back after that, milliseconds. */
const AWAY_MS = 3000;
/** Added to an answer, milliseconds. */
const SLOW_MS = 3000;

/**
 * Has the bench's record-only droplets join its tailnet at once, each with an address of its own in a network of this
 * world's.
 *
 * @param ledger - books every connection and every command, and says which is struck
 */
export async function fakeDroplets(
  bench: Pick<EngineBench, "substrate" | "tailscale">,
  ledger: Ledger,
): Promise<FakeDroplets> {
  const network = await takeNetwork();
  const applied: FakeDroplets["applied"] = new Map();
  const nodes: FakeDroplets["nodes"] = new Map();
  const identities: FakeDroplets["identities"] = new Map();
  const servers = new Map<number, SshServer>();
  const createDroplet = bench.substrate.createDroplet.bind(bench.substrate);
  const destroyDroplet = bench.substrate.destroyDroplet.bind(bench.substrate);
  let born = 0;

  bench.substrate.createDroplet = async (spec) => {
    await createDroplet(spec);
    const address = `${network.prefix}.${++born}`;
    const node = join(bench.tailscale, spec, address);
    // A spent key: the machine runs, but nobody reaches it.
    if (node === undefined) return;
    const given: Applied = { staged: {} };
    applied.set(spec.id, given);
    nodes.set(spec.id, node);
    const identity: Identity = { hostKey: newKey("test"), tailnetKey: tailnetKeyIn(spec) };
    identities.set(spec.id, identity);
    servers.set(spec.id, await SshServer.start(address, given, ledger, identity));
  };
  bench.substrate.destroyDroplet = async (id) => {
    await destroyDroplet(id);
    servers.get(id)?.stop();
    servers.delete(id);
    applied.delete(id);
    const device = bench.tailscale.devices.find((one) => one.id === nodes.get(id));
    if (device !== undefined) device["connectedToControl"] = false;
  };
  return {
    applied,
    nodes,
    identities,
    stop: () => {
      servers.forEach((server) => server.stop());
      network.release();
    },
  };
}

const NETWORKS = 254;
/** No droplet's: it says that a network is taken, to whatever else runs on this machine. */
const MARK = 255;

/** A network of 127.77.0.0/16 that nobody on this machine uses. */
async function takeNetwork(): Promise<{ prefix: string; release: () => void }> {
  for (let tried = 0; tried < NETWORKS; tried++) {
    const prefix = `127.77.${1 + ((process.pid + tried) % NETWORKS)}`;
    const mark = createServer();
    try {
      await once(mark.listen(SSH_PORT, `${prefix}.${MARK}`), "listening");
      return { prefix, release: () => void mark.close() };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error("every network for fake droplets is in use");
}

const tailnetKeyIn = ({ userData }: DropletSpec): string => /tskey-auth-\w+-\w+/.exec(userData)?.[0] ?? "";

/** Joins with the single-use key that its user data brought; undefined when that is spent or unknown. */
function join(tailscale: FakeTailscale, spec: DropletSpec, address: string): string | undefined {
  const id = /(k\w+CNTRL)-/.exec(tailnetKeyIn(spec))?.[1];
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

/** SSH of one droplet, which can be away. */
class SshServer {
  private tcp: TcpServer | undefined;
  private back: NodeJS.Timeout | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly address: string,
    private readonly given: Applied,
    private readonly ledger: Ledger,
    /** Changes at the first contact. */
    private readonly identity: Identity,
  ) {}

  static async start(address: string, given: Applied, ledger: Ledger, identity: Identity): Promise<SshServer> {
    const server = new SshServer(address, given, ledger, identity);
    await server.listen();
    return server;
  }

  stop(): void {
    clearTimeout(this.back);
    this.goAway();
    for (const socket of this.sockets) socket.destroy();
  }

  private listen(): Promise<void> {
    const tcp = createServer((socket) => this.connected(socket));
    this.tcp = tcp;
    return new Promise((resolve, reject) => {
      tcp.once("error", reject);
      tcp.listen(SSH_PORT, this.address, () => resolve());
    });
  }

  /** Connections that are there stay. */
  private goAway(): void {
    this.tcp?.close();
    this.tcp = undefined;
  }

  private connected(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => undefined).once("close", () => this.sockets.delete(socket));
    // Until the end: the next connection after the pause is struck as well.
    if (this.ledger.enter(CONNECTION).kind !== undefined) {
      socket.destroy();
      this.goAway();
      this.back = setTimeout(() => void this.listen(), AWAY_MS);
      return;
    }
    const ssh = new Server({ hostKeys: [this.identity.hostKey] }, (client) => {
      client.on("error", () => undefined);
      client.on("authentication", (context) => context.accept());
      client.on("session", (accept) => {
        accept().on("exec", (acceptExec, _reject, { command }) => void this.answer(socket, acceptExec(), command));
      });
    });
    ssh.injectSocket(socket);
  }

  private async answer(socket: Socket, channel: ServerChannel, command: string): Promise<void> {
    const isFirst = isExchange(command);
    const stdin = isFirst ? "" : await inputOf(channel);
    const { kind } = this.ledger.enter(isFirst ? "ssh host-key" : `ssh ${command}`);
    if (kind === "dropped before") return void socket.destroy();
    if (isFirst && kind !== "exits non-zero") {
      if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      await exchange(command, channel, this.identity);
      if (kind === "kill") await this.ledger.kill();
      return kind === "dropped after" ? void socket.destroy() : undefined;
    }
    const refused = { code: 1, reply: { ok: false, error: "struck by the torture" } };
    const { code, reply } = kind === "exits non-zero" ? refused : hermesApply(command, stdin, this.given);
    if (kind === "kill") await this.ledger.kill();
    if (kind === "kill" || kind === "dropped after") return void socket.destroy();
    if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    channel.write(`${JSON.stringify(reply)}\n`);
    channel.exit(code);
    channel.end();
  }
}

async function inputOf(channel: ServerChannel): Promise<string> {
  const input: Buffer[] = [];
  channel.on("data", (chunk: Buffer) => input.push(chunk));
  await new Promise((resolve) => channel.once("end", resolve));
  return Buffer.concat(input).toString();
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
