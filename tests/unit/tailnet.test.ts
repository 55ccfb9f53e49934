import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { credentialsFrom, TailnetApi, type TailnetDevice } from "../../lib/tailnet/api";
import { evict, sshGreeting, waitForNode, type Greeting, type WaitOptions } from "../../lib/tailnet/commands";
import { ourNodes } from "../../lib/tailnet/nodes";

const device = (id: string, changes: Partial<TailnetDevice> = {}): TailnetDevice => ({
  id,
  name: "hermes.example.ts.net",
  hostname: "hermes",
  addresses: ["fd7a:115c:a1e0::1", "100.64.0.1"],
  tags: ["tag:hermes"],
  created: "2026-11-22T00:00:00Z",
  ...changes,
});

/** A tailnet in memory; records what was done to it. */
function tailnet(
  devices: TailnetDevice[],
  keys: boolean[] = [],
): { api: TailnetApi; devices: TailnetDevice[]; done: string[] } {
  const done: string[] = [];
  const api = {
    devices: async () => devices,
    remove: async (id: string) => {
      done.push(`remove ${id}`);
      devices.splice(
        devices.findIndex((one) => one.id === id),
        1,
      );
    },
    keyIsValid: async () => keys.shift() ?? true,
    rename: async (id: string, name: string) => void done.push(`rename ${id} ${name}`),
  };
  return { api: api as unknown as TailnetApi, devices, done };
}

const hermes = { tag: "tag:hermes", hostname: "hermes" };
const answers = async (): Promise<Greeting> => ({ ok: true });
const silent = async (): Promise<Greeting> => ({ ok: false, why: "ECONNREFUSED" });
const options = (changes: Partial<WaitOptions> = {}): WaitOptions => ({
  ...hermes,
  timeoutMs: 20,
  pollMs: 1,
  say: () => undefined,
  greet: answers,
  ...changes,
});

describe("our nodes", () => {
  it("are those with our tag and our host name, whatever suffix their names got", () => {
    const found = ourNodes(
      [
        device("1"),
        device("2", { name: "hermes-1.example.ts.net" }),
        device("3", { hostname: "laptop" }),
        device("4", { tags: ["tag:other"] }),
        device("5", { tags: [] }),
      ],
      hermes,
    );
    expect(found.map(({ id }) => id)).toEqual(["1", "2"]);
  });
});

describe("evict", () => {
  const gone = { connectedToControl: false };
  const live = { connectedToControl: true };
  const quick = (ownId?: string) => ({ ...hermes, ownId, timeoutMs: 20, pollMs: 1, say: () => undefined });

  it("removes nodes of our name that are not connected, and nobody else", async () => {
    const { api, done } = tailnet([device("1", gone), device("2", { hostname: "laptop", ...gone })]);
    await expect(evict(api, quick())).resolves.toBe(1);
    expect(done).toEqual(["remove 1"]);
  });

  it("leaves a connected node alone, which another stack may run, and says how to remove it", async () => {
    const { api, done } = tailnet([device("1", live)]);
    const said: string[] = [];
    await expect(evict(api, { ...quick(), say: (text) => void said.push(text) })).resolves.toBe(0);
    expect(done).toEqual([]);
    expect(said.join()).toMatch(/hermes\.example\.ts\.net \(1\) stays.*admin console/);
  });

  it("waits for a node whose droplet has just been deleted", async () => {
    const { api, devices, done } = tailnet([device("1", live)]);
    const waiting = evict(api, { ...quick(), timeoutMs: 5000 });
    setTimeout(() => Object.assign(devices[0] ?? {}, gone), 20);
    await expect(waiting).resolves.toBe(1);
    expect(done).toEqual(["remove 1"]);
  });

  it("removes the recorded node although it is connected, and no other one", async () => {
    const { api, done } = tailnet([device("1", live), device("2", live)]);
    await expect(evict(api, quick("2"))).resolves.toBe(1);
    expect(done).toEqual(["remove 2"]);
  });

  it("goes by when the node was last seen, where the control server reports no connections", async () => {
    const { api, done } = tailnet([
      device("long ago", { lastSeen: "2026-11-22T00:00:00Z" }),
      device("now", { lastSeen: new Date().toISOString() }),
    ]);
    await evict(api, quick());
    expect(done).toEqual(["remove long ago"]);
  });
});

describe("waiting for the node", () => {
  it("ends with its name and IPv4 address once SSH greets", async () => {
    const { api } = tailnet([device("1")]);
    await expect(waitForNode(api, options())).resolves.toEqual({
      id: "1",
      name: "hermes.example.ts.net",
      address: "100.64.0.1",
    });
  });

  it("waits for a node that joins later", async () => {
    const { api, devices } = tailnet([]);
    const say = (): void => void devices.push(device("9"));
    await expect(waitForNode(api, options({ say, timeoutMs: 2000 }))).resolves.toMatchObject({ id: "9" });
  });

  it("takes the one that answers, removes the ghost that holds the name, and renames", async () => {
    const { api, done } = tailnet([
      device("old", { addresses: ["100.64.0.1"] }),
      device("new", { addresses: ["100.64.0.2"], name: "hermes-1.example.ts.net" }),
    ]);
    const greet = (host: string): Promise<Greeting> => (host === "100.64.0.2" ? answers() : silent());
    await expect(waitForNode(api, options({ greet }))).resolves.toEqual({
      id: "new",
      name: "hermes.example.ts.net",
      address: "100.64.0.2",
    });
    expect(done).toEqual(["remove old", "rename new hermes"]);
  });

  it("removes neither of two nodes that answer: one of them is another stack's", async () => {
    const { api, done } = tailnet([
      device("theirs", { addresses: ["100.64.0.1"] }),
      device("ours", { addresses: ["100.64.0.2"], name: "hermes-1.example.ts.net" }),
    ]);
    await expect(waitForNode(api, options())).rejects.toThrow(
      /two connected nodes called hermes with tag:hermes.*\n.*neither was removed.*hermes:tailnet\.hostname/,
    );
    expect(done).toEqual([]);
  });

  it("removes no connected node that it cannot ask, where the operator is not on the tailnet", async () => {
    const { api, done } = tailnet([device("theirs", { connectedToControl: true }), device("ours")]);
    await expect(waitForNode(api, options({ dial: "198.51.100.7" }))).rejects.toThrow(/two connected nodes/);
    expect(done).toEqual([]);
  });

  it("is short of patience with a node that it has only just seen", async () => {
    const { api, devices } = tailnet([]);
    const patience: number[] = [];
    const greet = async (_: string, timeoutMs: number): Promise<Greeting> => {
      patience.push(timeoutMs);
      return patience.length < 12 ? { ok: false, why: "no answer" } : { ok: true };
    };
    const say = (): void => void (devices.length === 0 && devices.push(device("9")));
    await waitForNode(api, options({ say, greet, timeoutMs: 5000 }));
    expect([patience[0], patience[1], Math.max(...patience)]).toEqual([1000, 1500, 5000]);
  });

  it("dials the given host where the operator is not on the tailnet", async () => {
    const { api } = tailnet([device("1")]);
    const dialled: string[] = [];
    const greet = (host: string): Promise<Greeting> => (dialled.push(host), answers());
    await waitForNode(api, options({ greet, dial: "198.51.100.7" }));
    expect(dialled).toEqual(["198.51.100.7"]);
  });

  it("says how far it got when the time is up", async () => {
    const { api } = tailnet([device("1")]);
    await expect(waitForNode(api, options({ greet: silent }))).rejects.toThrow(/does not answer yet \(ECONNREFUSED\)/);
  });

  it("is given up when two looks in a row find the key spent and no node", async () => {
    const { api } = tailnet([], [true, false, true, false, false]);
    const waiting = waitForNode(api, options({ timeoutMs: 5000, keyId: "kSpent", keyPollMs: 1 }));
    await expect(waiting).rejects.toThrow(/auth key kSpent is spent.*\n.*hermes:bootstrapRevision/);
  });

  it("goes on with a spent key once the node is there, which is what spent it", async () => {
    const { api, devices } = tailnet([], [false, false]);
    const keyIsValid = async (): Promise<boolean> => (devices.push(device("9")), false);
    const watched = Object.assign(api, { keyIsValid });
    const waiting = waitForNode(watched, options({ timeoutMs: 5000, keyId: "kSpent", keyPollMs: 1 }));
    await expect(waiting).resolves.toMatchObject({ id: "9" });
  });

  it("reports tailnet lock at once, with the way out", async () => {
    const { api } = tailnet([device("1", { tailnetLockError: "not signed" })]);
    await expect(waitForNode(api, options())).rejects.toThrow(/tailscale lock sign/);
  });
});

describe("the tailnet's API", () => {
  let server: HttpServer | undefined;
  let asked: string[];
  afterEach(() => new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve))));

  /** Answers each call with the next status, the last one for ever; 0 cuts the connection. */
  async function answering(...statuses: number[]): Promise<TailnetApi> {
    return new TailnetApi(
      credentialsFrom({ TAILSCALE_API_KEY: "key", TAILSCALE_BASE_URL: await serving(statuses) }),
      1,
    );
  }

  async function serving(statuses: number[]): Promise<string> {
    asked = [];
    server = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const status = statuses.length > 1 ? statuses.shift() : statuses[0];
      if (status === 0) request.socket.destroy();
      else response.writeHead(status ?? 500, status === 429 ? { "retry-after": "0" } : {}).end('{"devices":[]}');
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  it.each([[0], [429], [500], [503]])("is asked once more after %d", async (status) => {
    const api = await answering(status, 200);
    await expect(api.devices()).resolves.toEqual([]);
    expect(asked).toHaveLength(2);
  });

  it.each([[400], [401], [403], [404]])("is not asked again after %d, which says no", async (status) => {
    const api = await answering(status);
    await expect(api.devices()).rejects.toThrow(`HTTP ${status}`);
    expect(asked).toHaveLength(1);
  });

  it("is told apart from one that stays down", async () => {
    await expect((await answering(500)).devices()).rejects.toThrow("/devices?fields=all: HTTP 500");
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["once more where the hiccup is in the token", [429, 200], 3],
    ["once where its OAuth client is refused", [401], 1],
  ])("is asked %s", async (_, statuses, calls) => {
    const client = { TAILSCALE_OAUTH_CLIENT_ID: "id", TAILSCALE_OAUTH_CLIENT_SECRET: "secret" };
    const api = new TailnetApi(credentialsFrom({ ...client, TAILSCALE_BASE_URL: await serving(statuses) }), 1);
    const devices = api.devices();
    await (calls === 1
      ? expect(devices).rejects.toThrow("refused the OAuth client")
      : expect(devices).resolves.toEqual([]));
    expect(asked).toHaveLength(calls);
  });

  it("takes a node for removed that went although the reply was lost", async () => {
    await expect((await answering(0, 404)).remove("1")).resolves.toBeUndefined();
    expect(asked).toEqual(["DELETE /api/v2/device/1", "DELETE /api/v2/device/1"]);
  });
});

describe("an SSH greeting", () => {
  let server: Server | undefined;
  afterEach(() => new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve))));

  const listen = (greeting: string | undefined): Promise<number> =>
    new Promise((resolve) => {
      server = createServer((socket) => {
        socket.on("error", () => undefined);
        if (greeting !== undefined) socket.write(greeting);
      });
      server.listen(0, "127.0.0.1", () => resolve((server?.address() as { port: number }).port));
    });

  it("is the SSH- line", async () => {
    await expect(sshGreeting("127.0.0.1", 5_000, await listen("SSH-2.0-OpenSSH_10.0\r\n"))).resolves.toEqual({
      ok: true,
    });
  });

  it("is not any other service", async () => {
    await expect(sshGreeting("127.0.0.1", 5_000, await listen("220 mail\r\n"))).resolves.toMatchObject({ ok: false });
  });

  it("is not a server that accepts and stays silent", async () => {
    await expect(sshGreeting("127.0.0.1", 50, await listen(undefined))).resolves.toEqual({
      ok: false,
      why: "no answer",
    });
  });
});

describe("credentials", () => {
  it("come from the provider's variables", async () => {
    const found = credentialsFrom({ TAILSCALE_API_KEY: "tskey-x", TAILSCALE_BASE_URL: "http://192.0.2.1/" });
    expect(found).toMatchObject({ baseUrl: "http://192.0.2.1", tailnet: "-" });
    await expect(found.authorization()).resolves.toBe(`Basic ${Buffer.from("tskey-x:").toString("base64")}`);
  });

  it("missing, are asked for by name", () => {
    expect(() => credentialsFrom({})).toThrow(/TAILSCALE_OAUTH_CLIENT_ID/);
  });
});
