import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server, type Socket as TcpSocket } from "node:net";
import { once } from "node:events";
import * as dns from "dns-packet";

/** What a name resolves to. */
export interface Answer {
  v4?: string;
  v6?: string;
}

export interface DnsOptions {
  addresses: string[];
  port: number;
  /** Called for every name. */
  resolve: (name: string) => Answer;
}

export interface DnsServer {
  stop(): Promise<void>;
}

/** Short: the lab comes and goes, and a resolver in a droplet outlives it. */
const TTL_SECONDS = 30;

/** A DNS server over UDP and TCP that knows every name. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const sockets = await Promise.all(options.addresses.map((address) => listenUdp(address, options)));
  const servers = await Promise.all(options.addresses.map((address) => listenTcp(address, options)));
  return {
    stop: async () => {
      await Promise.all([
        ...sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
        ...servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
      ]);
    },
  };
}

/** The reply to one question: A and AAAA from `resolve`, every other type an empty answer with the zone's SOA. */
export function reply(query: dns.Packet, resolve: (name: string) => Answer): dns.Packet {
  const question = query.questions?.[0];
  const answers: dns.Answer[] = [];
  if (question !== undefined) {
    const { name, type } = question;
    const { v4, v6 } = resolve(name.toLowerCase());
    if (type === "A" && v4 !== undefined) answers.push({ name, type: "A", ttl: TTL_SECONDS, data: v4 });
    if (type === "AAAA" && v6 !== undefined) answers.push({ name, type: "AAAA", ttl: TTL_SECONDS, data: v6 });
  }
  const recursion = (query.flags ?? 0) & dns.RECURSION_DESIRED;
  return {
    type: "response",
    id: query.id ?? 0,
    flags: dns.RECURSION_AVAILABLE | dns.AUTHORITATIVE_ANSWER | recursion,
    questions: query.questions ?? [],
    answers,
    authorities: answers.length > 0 || question === undefined ? [] : [startOfAuthority(question.name)],
  };
}

function startOfAuthority(name: string): dns.Answer {
  return {
    name: name.split(".").at(-1) ?? ".",
    type: "SOA",
    ttl: TTL_SECONDS,
    data: {
      mname: "ns.hermes.test",
      rname: "hostmaster.hermes.test",
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: TTL_SECONDS,
    },
  };
}

async function listenUdp(address: string, options: DnsOptions): Promise<Socket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message, peer) => {
    const query = decoded(() => dns.decode(message));
    if (query !== undefined) socket.send(dns.encode(reply(query, options.resolve)), peer.port, peer.address);
  });
  socket.bind(options.port, address);
  await once(socket, "listening");
  // Whoever asked may be gone by now: a droplet whose plug was pulled. It asks again, or never.
  socket.on("error", () => undefined);
  return socket;
}

async function listenTcp(address: string, options: DnsOptions): Promise<Server> {
  const server = createServer((socket) => answerStream(socket, options));
  server.listen(options.port, address);
  await once(server, "listening");
  return server;
}

/** DNS over TCP: messages behind a length of two bytes, several per connection. */
function answerStream(socket: TcpSocket, options: DnsOptions): void {
  let pending = Buffer.alloc(0);
  socket.setTimeout(10_000, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const message = pending.subarray(0, 2 + pending.readUInt16BE(0));
      pending = pending.subarray(message.length);
      const query = decoded(() => dns.streamDecode(message));
      if (query === undefined) return void socket.destroy();
      socket.write(dns.streamEncode(reply(query, options.resolve)));
    }
  });
}

/** Garbage from the network gets no answer. */
function decoded(decode: () => dns.Packet): dns.Packet | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
