import { readFileSync } from "node:fs";
import { dropletBody, openAccount, OPEN, OUTBOUND, PUBLIC_KEY, type Account } from "./digitalocean-fixture";

let account: Account;
const call: Account["call"] = (...args) => account.call(...args);

beforeEach(async () => {
  account = await openAccount();
});
afterEach(async () => {
  await account.close();
});

const newDroplet = async (more: Record<string, unknown> = {}): Promise<number> => {
  const { status, body } = await call("POST", "/v2/droplets", dropletBody(more));
  expect(status).toBe(202);
  return body.droplet.id;
};
const newVolume = async (more: Record<string, unknown> = {}): Promise<string> => {
  const { status, body } = await call("POST", "/v2/volumes", {
    name: "data",
    region: "fra1",
    size_gigabytes: 10,
    filesystem_type: "ext4",
    filesystem_label: "hermes",
    ...more,
  });
  expect(status).toBe(201);
  return body.volume.id;
};
const newFirewall = (more: Record<string, unknown> = {}) =>
  call("POST", "/v2/firewalls", { name: "fw", outbound_rules: OUTBOUND, ...more });

const substrateCalls = (): string[] => account.substrate.record.map((entry) => entry.call);
const lastFirewalls = (): unknown =>
  account.substrate.record.filter((e) => e.call === "applyFirewalls").at(-1)?.args[0];

describe("an error", () => {
  it("has DigitalOcean's shape", async () => {
    const { status, body } = await call("GET", "/v2/droplets/1");
    expect(status).toBe(404);
    expect(body).toEqual({
      id: "not_found",
      message: "The resource you were accessing could not be found.",
      request_id: expect.any(String),
    });
  });

  it("is 401 for a wrong token", async () => {
    const { status, body } = await account.call("GET", "/v2/account", undefined, "wrong");
    expect([status, body.id, body.message]).toEqual([401, "Unauthorized", "Unable to authenticate you"]);
  });

  it.each([
    ["an unknown size", { size: "s-9vcpu-1gb" }, "You specified an invalid size for Droplet creation."],
    ["an unknown region", { region: "moon1" }, "You specified an invalid region for Droplet creation."],
    ["an unknown image", { image: "debian-1-x64" }, "You specified an invalid image for Droplet creation."],
    ["a size that the region does not sell", { size: "s-4vcpu-8gb" }, "Size is not available in this region."],
    ["an unknown ssh key", { ssh_keys: ["aa:bb"] }, "aa:bb are invalid key identifiers for Droplet creation."],
    ["a name that is no host name", { name: "a_b" }, expect.stringContaining("Only valid hostname characters")],
  ])("is 422 for a droplet with %s", async (_, more, message) => {
    const { status, body } = await call("POST", "/v2/droplets", dropletBody(more));
    expect([status, body.message]).toEqual([422, message]);
    expect(account.api.state.droplets).toEqual({});
  });

  it("is 422 for a key that the account has, 409 for a taken volume or firewall name", async () => {
    await call("POST", "/v2/account/keys", { name: "a", public_key: PUBLIC_KEY });
    const key = await call("POST", "/v2/account/keys", { name: "b", public_key: PUBLIC_KEY });
    expect([key.status, key.body.message]).toEqual([422, "SSH Key is already in use on your account"]);
    await newVolume();
    expect((await call("POST", "/v2/volumes", { name: "data", region: "fra1", size_gigabytes: 1 })).status).toBe(409);
    await newVolume({ region: "nyc3" });
    await newFirewall();
    const taken = await newFirewall();
    expect([taken.status, taken.body.message]).toEqual([409, "duplicate name"]);
  });

  it.each([
    ["without a rule", { outbound_rules: [] }],
    ["on a tag that does not exist", { tags: ["nowhere"] }],
    [
      "with an address that is none",
      { inbound_rules: [{ protocol: "tcp", ports: "22", sources: { addresses: ["x"] } }] },
    ],
    ["with ports the wrong way round", { inbound_rules: [{ protocol: "tcp", ports: "90-80", sources: OPEN }] }],
  ])("is 422 for a firewall %s", async (_, more) => {
    expect((await newFirewall(more)).status).toBe(422);
  });
});

describe("a firewall", () => {
  it("covers a tagged droplet before its machine starts", async () => {
    await call("POST", "/v2/tags", { name: "hermes" });
    await newFirewall({ tags: ["hermes"] });
    await account.settled(await newDroplet({ tags: ["hermes"], ipv6: true }));
    const created = substrateCalls().indexOf("createDroplet");
    expect(account.substrate.record[created - 1]).toMatchObject({
      call: "applyFirewalls",
      args: [
        [
          {
            covered: true,
            ipv4: "198.51.100.10",
            ipv6: "2001:db8:77::10",
            inbound: [],
            outbound: [{ protocol: "tcp", ports: "0", addresses: OPEN.addresses }],
          },
        ],
      ],
    });
  });

  it("adds its rules to those of the others, and is gone with its tag", async () => {
    await call("POST", "/v2/tags", { name: "hermes" });
    const ssh = { protocol: "tcp", ports: "22", sources: { addresses: ["192.0.2.7"] } };
    await newFirewall({ tags: ["hermes"] });
    await newFirewall({ name: "ssh", tags: ["hermes"], inbound_rules: [ssh] });
    await account.settled(await newDroplet({ tags: ["hermes"] }));
    expect(lastFirewalls()).toMatchObject([{ covered: true, inbound: [{ ports: "22", addresses: ["192.0.2.7"] }] }]);

    await call("DELETE", "/v2/tags/hermes");
    expect(lastFirewalls()).toMatchObject([{ covered: false, inbound: [], outbound: [] }]);
  });

  it("is applied anew when a droplet is tagged or untagged", async () => {
    await call("POST", "/v2/tags", { name: "hermes" });
    await newFirewall({ tags: ["hermes"] });
    const id = await newDroplet();
    await account.settled(id);
    expect(lastFirewalls()).toMatchObject([{ covered: false }]);
    const body = { resources: [{ resource_id: String(id), resource_type: "droplet" }] };
    await call("POST", "/v2/tags/hermes/resources", body);
    expect(lastFirewalls()).toMatchObject([{ covered: true }]);
    await call("DELETE", "/v2/tags/hermes/resources", body);
    expect(lastFirewalls()).toMatchObject([{ covered: false }]);
  });

  it("reads all ports, and those of ICMP, back as 0, and a range as it was sent", async () => {
    const rules = [
      { protocol: "tcp", ports: "all", destinations: OPEN },
      { protocol: "udp", ports: "1-65535", destinations: OPEN },
      { protocol: "icmp", destinations: OPEN },
    ];
    const { body } = await newFirewall({ outbound_rules: rules });
    expect(body.firewall.outbound_rules).toEqual([{ ...rules[0], ports: "0" }, rules[1], { ...rules[2], ports: "0" }]);
  });
});

describe("a droplet", () => {
  it("is new and locked first, then active with addresses of the documentation ranges", async () => {
    account.api.timings.activeMs = 60_000;
    const id = await newDroplet({ ipv6: true });
    const early = (await call("GET", `/v2/droplets/${id}`)).body.droplet;
    expect([early.status, early.locked]).toEqual(["new", true]);
    account.api.timings.activeMs = 0;
    const droplet = await account.settled(id);
    expect(droplet).toMatchObject({ status: "active", region: { slug: "fra1" }, size: { slug: "s-1vcpu-2gb" } });
    expect(droplet?.["networks"]).toMatchObject({
      v4: [
        { ip_address: "198.51.100.10", type: "public" },
        { ip_address: "10.108.0.10", type: "private" },
      ],
      v6: [{ ip_address: "2001:db8:77::10" }],
    });
  });

  it("does not get the address that was just freed", async () => {
    const first = await newDroplet();
    await account.settled(first);
    await call("DELETE", `/v2/droplets/${first}`);
    expect(await account.settled(first)).toBeUndefined();
    const second = await account.settled(await newDroplet());
    expect(second?.["networks"]).toMatchObject({ v4: [{ ip_address: "198.51.100.11" }, {}] });
  });

  it("refuses another action, and its deletion, while one is under way", async () => {
    const id = await newDroplet();
    await account.settled(id);
    account.api.timings.actionMs = 60_000;
    await call("POST", `/v2/droplets/${id}/actions`, { type: "power_off" });
    const second = await call("POST", `/v2/droplets/${id}/actions`, { type: "power_on" });
    expect([second.status, second.body.message]).toEqual([422, "Droplet already has a pending event."]);
    expect((await call("DELETE", `/v2/droplets/${id}`)).status).toBe(422);
  });

  it("must be off to be resized, keeps its disk unless asked, and never gets a smaller one", async () => {
    const id = await newDroplet();
    await account.settled(id);
    const resize = { type: "resize", size: "s-2vcpu-4gb", disk: false };
    expect((await call("POST", `/v2/droplets/${id}/actions`, resize)).status).toBe(422);
    await call("POST", `/v2/droplets/${id}/actions`, { type: "power_off" });
    expect(await account.settled(id)).toMatchObject({ status: "off" });
    await call("POST", `/v2/droplets/${id}/actions`, resize);
    expect(await account.settled(id)).toMatchObject({ size_slug: "s-2vcpu-4gb", memory: 4096, disk: 50 });
    await call("POST", `/v2/droplets/${id}/actions`, { ...resize, disk: true });
    expect(await account.settled(id)).toMatchObject({ disk: 80 });
    const smaller = await call("POST", `/v2/droplets/${id}/actions`, { ...resize, size: "s-1vcpu-2gb" });
    expect(smaller.status).toBe(422);
    expect(account.substrate.record.at(-1)?.args).toEqual([id, { memoryMiB: 4096, vcpus: 2, diskGiB: 80 }]);
  });

  it("leaves its volumes behind, detached, when it is deleted", async () => {
    const volume = await newVolume();
    const id = await newDroplet({ volumes: [{ id: volume }] });
    await account.settled(id);
    expect((await call("DELETE", `/v2/volumes/${volume}`)).status).toBe(409);
    await call("DELETE", `/v2/droplets/${id}`);
    expect(await account.settled(id)).toBeUndefined();
    expect((await call("GET", `/v2/volumes/${volume}`)).body.volume.droplet_ids).toEqual([]);
    expect(substrateCalls().slice(-3)).toEqual(["destroyDroplet", "detachVolume", "applyFirewalls"]);
  });

  it("is found by tag and by name, page by page", async () => {
    await newDroplet({ name: "a", tags: ["t"] });
    await newDroplet({ name: "b", tags: ["t"] });
    await newDroplet({ name: "b" });
    const total = async (query: string) => (await call("GET", `/v2/droplets?${query}`)).body.meta.total;
    expect([await total("tag_name=t"), await total("name=b"), await total("name=c")]).toEqual([2, 2, 0]);
    const page = (await call("GET", "/v2/droplets?per_page=2&page=1")).body;
    expect(page.droplets).toHaveLength(2);
    expect(page.links.pages.next).toContain("page=2");
  });

  it("gets a note among the problems when its machine can't be made", async () => {
    account.substrate.createDroplet = () => Promise.reject(new Error("no room"));
    const id = await newDroplet();
    await account.api.idle();
    expect(account.api.state.problems).toMatchObject([{ error: "Error: no room" }]);
    expect((await call("GET", `/v2/droplets/${id}/actions`)).body.actions[0]?.status).toBe("errored");
  });
});

describe("a volume", () => {
  it("goes to one droplet at a time, in its own region", async () => {
    const volume = await newVolume();
    const first = await newDroplet({ volumes: [{ id: volume }] });
    expect((await call("POST", "/v2/droplets", dropletBody({ volumes: [{ id: volume }] }))).status).toBe(422);
    const elsewhere = dropletBody({ region: "nyc3", volumes: [await newVolume({ name: "other" })] });
    expect((await call("POST", "/v2/droplets", elsewhere)).status).toBe(422);
    expect((await account.settled(first))?.["volume_ids"]).toEqual([volume]);
  });

  it("is attached, resized upwards only, and detached by actions", async () => {
    const volume = await newVolume();
    const id = await newDroplet();
    await account.settled(id);
    const act = (body: Record<string, unknown>) => call("POST", `/v2/volumes/${volume}/actions`, body);
    const view = async () => (await call("GET", `/v2/volumes/${volume}`)).body.volume;
    expect((await act({ type: "attach", droplet_id: id })).status).toBe(202);
    await account.settled(id);
    expect((await view()).droplet_ids).toEqual([id]);
    await act({ type: "resize", size_gigabytes: 20, region: "fra1" });
    await account.api.idle();
    expect((await view()).size_gigabytes).toBe(20);
    expect((await act({ type: "resize", size_gigabytes: 10, region: "fra1" })).status).toBe(422);
    await act({ type: "detach", droplet_id: id });
    await account.settled(id);
    expect((await view()).droplet_ids).toEqual([]);
    expect(substrateCalls().filter((name) => name.endsWith("Volume"))).toEqual([
      "createVolume",
      "attachVolume",
      "resizeVolume",
      "detachVolume",
    ]);
  });
});

describe("the account on disk", () => {
  it("is there again after a restart, and what was under way is errored", async () => {
    const volume = await newVolume();
    const id = await newDroplet({ tags: ["hermes"] });
    await account.settled(id);
    account.api.timings.actionMs = 60_000;
    const { body } = await call("POST", `/v2/droplets/${id}/actions`, { type: "reboot" });
    await account.restart();
    expect((await call("GET", `/v2/droplets/${id}`)).body.droplet).toMatchObject({ locked: false, tags: ["hermes"] });
    expect((await call("GET", `/v2/volumes/${volume}`)).status).toBe(200);
    expect((await call("GET", `/v2/actions/${body.action.id}`)).body.action.status).toBe("errored");
  });

  it("holds no user data, and neither does the call log", async () => {
    await newDroplet({ user_data: "#cloud-config\n# tskey-auth-SECRET\n" });
    await account.api.idle();
    for (const file of [account.stateFile, `${account.stateFile}.calls.jsonl`]) {
      expect(readFileSync(file, "utf8")).not.toContain("SECRET");
    }
    expect(JSON.stringify(account.api.calls)).toMatch(/user_data: \d+ bytes, sha1 [0-9a-f]{40}/);
  });
});

describe("faults", () => {
  it("answer instead, as often as asked and not before", async () => {
    account.api.faults.push({
      method: "GET",
      path: "^/v2/account$",
      status: 429,
      body: { id: "too_many_requests", message: "API Rate limit exceeded." },
      headers: { "retry-after": "2" },
      after: 1,
      times: 2,
    });
    const statuses = [];
    for (let n = 0; n < 4; n++) statuses.push((await call("GET", "/v2/account")).status);
    expect(statuses).toEqual([200, 429, 429, 200]);
  });

  it("lose the request, or only the reply", async () => {
    account.api.handleControl("faults", [
      { method: "POST", path: "/v2/tags", drop: "before" },
      { method: "POST", path: "/v2/tags", drop: "after" },
    ]);
    await expect(call("POST", "/v2/tags", { name: "lost" })).rejects.toThrow();
    await expect(call("POST", "/v2/tags", { name: "made" })).rejects.toThrow();
    expect(account.api.state.tags).toEqual(["made"]);
  });

  it("leave rate limits in the headers of every answer", async () => {
    const { headers } = await call("GET", "/v2/account");
    expect([headers.get("ratelimit-limit"), headers.get("ratelimit-remaining")]).toEqual(["5000", "4999"]);
  });
});

describe("a snapshot", () => {
  const take = async (dropletId: number, name = "snap"): Promise<string> => {
    const started = await call("POST", `/v2/droplets/${dropletId}/actions`, { type: "snapshot", name });
    expect(started.status).toBe(201);
    await account.settled(dropletId);
    return String((await call("GET", `/v2/droplets/${dropletId}/snapshots`)).body.snapshots.at(-1)?.id);
  };
  const settledDroplet = async (more: Record<string, unknown> = {}): Promise<number> => {
    const id = await newDroplet(more);
    await account.settled(id);
    return id;
  };
  const refusal = async (more: Record<string, unknown>): Promise<[number, string]> => {
    const { status, body } = await call("POST", "/v2/droplets", dropletBody(more));
    return [status, body.message];
  };

  it("is an image of the account's own, of the disk that it was taken from", async () => {
    const id = await take(await settledDroplet({ size: "s-2vcpu-4gb" }));
    expect((await call("GET", `/v2/images/${id}`)).body.image).toMatchObject({
      id: Number(id),
      name: "snap",
      type: "snapshot",
      distribution: "Debian",
      slug: null,
      public: false,
      regions: ["fra1"],
      min_disk_size: 80,
    });
    const ids = async (list: string) => (await call("GET", `/v2/${list}`)).body.images.map((one) => one.id);
    expect(await ids("images?private=true")).toEqual([Number(id)]);
    expect(await ids("images")).toContain(Number(id));
    expect(await ids("images?type=distribution")).not.toContain(Number(id));
  });

  it("is what a droplet boots from, by its number, also one that was taken of such a droplet", async () => {
    const first = await take(await settledDroplet());
    const second = await settledDroplet({ image: Number(first) });
    const third = await settledDroplet({ image: await take(second) });
    const made = account.substrate.record.filter((entry) => entry.call === "createDroplet").map(({ args }) => args[0]);
    expect(made.map((spec) => (spec as { snapshotId?: string }).snapshotId)).toEqual([
      undefined,
      first,
      expect.not.stringContaining(first),
    ]);
    expect((await call("GET", `/v2/droplets/${third}`)).body.droplet.image).toMatchObject({ distribution: "Debian" });
    expect(substrateCalls().filter((one) => one === "snapshotDroplet")).toHaveLength(2);
  });

  it("is refused in another region, on a smaller disk, and when it is gone", async () => {
    const image = await take(await settledDroplet({ size: "s-2vcpu-4gb" }));
    expect(await refusal({ image })).toEqual([422, expect.stringContaining("a disk of 80 GB")]);
    expect(await refusal({ image, size: "s-2vcpu-4gb", region: "nyc3" })).toEqual([
      422,
      "The image is not available in this region.",
    ]);
    expect((await call("DELETE", `/v2/snapshots/${image}`)).status).toBe(204);
    expect(await refusal({ image, size: "s-2vcpu-4gb" })).toEqual([
      422,
      "You specified an invalid image for Droplet creation.",
    ]);
    expect((await call("GET", `/v2/images/${image}`)).status).toBe(404);
    await account.api.idle();
    expect(substrateCalls()).toContain("destroySnapshot");
  });

  it("carries tags as an image, is found and counted by them, and loses them with the tag", async () => {
    const id = await take(await settledDroplet());
    await take(await settledDroplet({ name: "other" }), "other");
    await call("POST", "/v2/tags", { name: "hermes-image" });
    const resources = [{ resource_id: id, resource_type: "image" }];
    expect((await call("POST", "/v2/tags/hermes-image/resources", { resources })).status).toBe(204);
    const { resources: counted } = (await call("GET", "/v2/tags/hermes-image")).body.tag;
    expect([counted.count, counted.images.count]).toEqual([1, 1]);
    const names = async () =>
      (await call("GET", "/v2/images?tag_name=hermes-image")).body.images.map((one) => one.name);
    expect(await names()).toEqual(["snap"]);
    expect((await call("GET", `/v2/snapshots/${id}`)).body.snapshot.tags).toEqual(["hermes-image"]);
    await call("DELETE", "/v2/tags/hermes-image");
    expect(await names()).toEqual([]);
    expect((await call("POST", "/v2/tags", { name: "x" })).status).toBe(201);
    const gone = await call("POST", "/v2/tags/x/resources", {
      resources: [{ resource_id: "4711", resource_type: "image" }],
    });
    expect(gone.status).toBe(404);
  });

  it("outlives its droplet, and a restart of the account", async () => {
    const droplet = await settledDroplet();
    const id = await take(droplet);
    await call("DELETE", `/v2/droplets/${droplet}`);
    expect(await account.settled(droplet)).toBeUndefined();
    await account.restart();
    expect((await call("GET", `/v2/snapshots/${id}`)).body.snapshot.resource_id).toBe(String(droplet));
    expect((await call("GET", "/v2/snapshots?resource_type=volume")).body.snapshots).toEqual([]);
    await settledDroplet({ image: Number(id) });
  });

  it("is none where the machine could not keep its disk", async () => {
    const droplet = await settledDroplet();
    account.substrate.snapshotDroplet = () => Promise.reject(new Error("no room"));
    const { action } = (await call("POST", `/v2/droplets/${droplet}/actions`, { type: "snapshot", name: "x" })).body;
    await account.settled(droplet);
    expect((await call("GET", `/v2/actions/${action.id}`)).body.action.status).toBe("errored");
    expect((await call("GET", "/v2/snapshots")).body.snapshots).toEqual([]);
  });
});
