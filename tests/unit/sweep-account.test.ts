import { Account, accountFrom, AccountError } from "../../lib/digitalocean/account";
import { resourceNames } from "../../lib/names";
import { straysText } from "../../operations/sweep/guard";
import { remove } from "../../operations/sweep/remove";
import { thingsOf } from "../../operations/sweep/things";
import { openAccount, PUBLIC_KEY, TOKEN, type Account as Emulated } from "./digitalocean-fixture";

const names = resourceNames("hermes");
const quick = { say: () => undefined, pollMs: 1, timeoutMs: 2000 };

let emulated: Emulated;
let account: Account;

beforeEach(async () => {
  emulated = await openAccount();
  account = new Account({ token: TOKEN, apiUrl: emulated.api.url, pauseMs: 1 });
});
afterEach(() => emulated.close());

const droplet = async (name: string, tags: string[], volumes: string[] = []): Promise<string> => {
  const body = { name, region: "nyc3", size: "s-1vcpu-2gb", image: "debian-13-x64", tags, volumes };
  const made = await emulated.call("POST", "/v2/droplets", body);
  expect(made.status).toBe(202);
  return String(made.body.droplet.id);
};
const volume = async (name: string): Promise<string> => {
  const body = { name, region: "nyc3", size_gigabytes: 10, filesystem_type: "ext4" };
  return (await emulated.call("POST", "/v2/volumes", body)).body.volume.id;
};
const rules = { outbound_rules: [{ protocol: "icmp", destinations: { addresses: ["0.0.0.0/0"] } }] };

describe("what an account holds of a stack", () => {
  it("is what has its tag or its very names, on however many pages", async () => {
    for (let i = 0; i < 3; i++) await droplet(`other-${i}`, ["hermes-other"]);
    const ours = await droplet("hermes", ["hermes"]);
    await volume("hermes-state");
    await volume("hermes-state-2");
    await emulated.call("POST", "/v2/firewalls", { name: "hermes", ...rules });
    await emulated.call("POST", "/v2/firewalls", { name: "hermes-other", ...rules });
    await emulated.call("POST", "/v2/account/keys", { name: "hermes", public_key: PUBLIC_KEY });
    const found = await thingsOf(account, { names, publicKey: PUBLIC_KEY });
    expect(found.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "droplet hermes",
      "volume hermes-state",
      "firewall hermes",
      "ssh key hermes",
      "tag hermes",
    ]);
    expect(found[0]?.id).toBe(ours);
  });

  it("is its bot's tag too, once nothing carries it", async () => {
    const botTag = "hermes-telegram-bot:7";
    const tags = async () =>
      (await thingsOf(account, { names, botTag })).flatMap(({ kind, id, detail }) =>
        kind === "tag" ? [id, detail] : [],
      );
    for (const name of [botTag, "hermes-telegram-bot:8"]) await emulated.call("POST", "/v2/tags", { name });
    expect(await tags()).toEqual([botTag, "nothing carries it"]);
    await droplet("another-stacks", [botTag]);
    expect(await tags()).toEqual([]);
  });

  it("has no SSH key that is somebody's own of the same name", async () => {
    await emulated.call("POST", "/v2/account/keys", { name: "hermes", public_key: PUBLIC_KEY });
    expect(await thingsOf(account, { names, publicKey: "ssh-ed25519 AAAAother" })).toEqual([]);
    expect(await thingsOf(account, { names })).toEqual([]);
  });
});

describe("the client", () => {
  it("asks once more after a failure, and then says what it was without the token", async () => {
    emulated.api.faults.push({ method: "GET", path: "/v2/tags", status: 500, times: 1 });
    expect(await account.list("tags")).toEqual([]);
    emulated.api.faults.push({ method: "GET", path: "/v2/tags", status: 500, times: 2 });
    const failure = await account.list("tags").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AccountError);
    expect((failure as Error).message).toContain("GET /v2/tags with 500");
    expect((failure as Error).message).not.toContain(TOKEN);
  });

  it("takes one lost reply for no failure, and a second one for no answer", async () => {
    emulated.api.faults.push({ method: "DELETE", path: "/v2/tags/x", drop: "after" });
    await account.remove("/v2/tags/x");
    emulated.api.faults.push({ method: "GET", path: "/v2/tags", drop: "before", times: 2 });
    await expect(account.list("tags")).rejects.toThrow("gave no answer to GET /v2/tags");
  });

  it("waits as long as a 429 says where it has the patience, and no longer", async () => {
    const busy = (seconds: string) => ({
      method: "GET",
      path: "/v2/tags",
      status: 429,
      headers: { "retry-after": seconds },
    });
    const patient = new Account({ token: TOKEN, apiUrl: emulated.api.url, pauseMs: 0, patienceMs: 1000 });
    emulated.api.faults.push({ ...busy("0"), times: 4 });
    expect(await patient.list("tags")).toEqual([]);
    emulated.api.faults.push({ ...busy("2"), times: 2 });
    await expect(patient.list("tags")).rejects.toThrow("again in 2 s");
    emulated.api.faults.push({ ...busy("0"), times: 20 });
    await expect(patient.list("tags")).rejects.toThrow("takes no more requests");
    emulated.api.faults.length = 0;
  });

  it("asks the base URL that the environment names, with the token that stands there", async () => {
    const env = { DIGITALOCEAN_ACCESS_TOKEN: `${TOKEN}\n`, DIGITALOCEAN_API_URL: `${emulated.api.url}/` };
    expect(await accountFrom({ ...env, DIGITALOCEAN_TOKEN: "" })?.list("tags")).toEqual([]);
  });

  it("has the provider's own settings, and there is none without a token", () => {
    expect(accountFrom({})).toBeUndefined();
    expect(accountFrom({ DIGITALOCEAN_TOKEN: "x" })).toBeInstanceOf(Account);
    expect(accountFrom({}, { get: (key) => (key === "token" ? "x" : undefined) })).toBeInstanceOf(Account);
  });
});

describe("removing", () => {
  it("stops a droplet before it goes, and leaves the volume that it held", async () => {
    const state = await volume("hermes-state");
    const id = await droplet("hermes", ["hermes"], [state]);
    await emulated.settled(Number(id));
    const found = (await thingsOf(account, { names })).filter(({ kind }) => kind !== "volume");
    const removed = await remove(found, { account, ...quick });
    expect(removed.map(({ kind }) => kind)).toEqual(["droplet", "tag"]);
    const calls = emulated.substrate.record.map(({ call }) => call);
    expect(calls.indexOf("shutdownDroplet")).toBeLessThan(calls.indexOf("destroyDroplet"));
    expect(Object.keys(emulated.api.state.droplets)).toEqual([]);
    expect(emulated.api.state.volumes[state]?.dropletId).toBeNull();
  });

  it("does not touch what is to be kept, nor a tag that something else carries", async () => {
    const other = await droplet("other", ["hermes"]);
    await emulated.settled(Number(other));
    const [found] = await thingsOf(account, { names });
    const tag = { kind: "tag" as const, id: "hermes", name: "hermes", detail: "" };
    expect(
      await remove([{ ...(found as NonNullable<typeof found>), kept: "for a reason" }, tag], { account, ...quick }),
    ).toEqual([]);
    expect(Object.keys(emulated.api.state.droplets)).toEqual([other]);
    expect(emulated.api.state.tags).toEqual(["hermes"]);
  });
});

it("names every stray with its id, and the command that removes them", () => {
  const text = straysText("hermes", [{ kind: "droplet", id: "7", name: "hermes", detail: "nyc3" }]);
  expect(text).toContain("droplet hermes (7, nyc3)");
  expect(text).toContain("hermes sweep --stack hermes");
});
