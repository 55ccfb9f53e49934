import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv, { type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { dropletBody, openAccount, OUTBOUND, PUBLIC_KEY, type Account, type Answer } from "./digitalocean-fixture";

/** The official description is third-party data: it is read where it lies, and never part of this repository. */
const DESCRIPTION = join(__dirname, "..", "..", "..", "shared", "facts", "digitalocean-openapi.json");
const there = existsSync(DESCRIPTION);
if (!there) process.stdout.write("contract test skipped: the official API description is not on this machine\n");

interface Description {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
}

type Reply = Pick<Answer, "status"> & { body: unknown };

/** Checks a reply against the response schema that the description has for this call and status. */
function contract(description: Description): (method: string, path: string, reply: Reply) => string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false, unicodeRegExp: false });
  addFormats(ajv);
  ajv.addSchema(description, "do");
  const compiled = new Map<string, ValidateFunction>();

  const patternOf = (template: string) => new RegExp(`^${template.replace(/\{[^}]+\}/g, "[^/]+")}$`);
  const follow = (pointer: string): string => {
    const at = (p: string) =>
      p
        .split("/")
        .reduce<unknown>(
          (node, part) =>
            part === "" ? node : (node as Record<string, unknown>)[part.replace(/~1/g, "/").replace(/~0/g, "~")],
          description,
        );
    const reference = (at(pointer) as { $ref?: string } | undefined)?.$ref;
    return reference === undefined ? pointer : follow(reference.slice(1));
  };

  return (method, path, reply) => {
    const pathname = path.split("?")[0]!;
    const candidates = Object.keys(description.paths).filter((template) => patternOf(template).test(pathname));
    // A fixed path goes before one with a parameter in its place.
    const template = candidates.sort((a, b) => a.split("{").length - b.split("{").length)[0];
    if (template === undefined) return [`${path} is not in the description`];
    const encoded = template.replace(/\//g, "~1");
    const operation = description.paths[template]![method.toLowerCase()];
    if (operation?.responses[String(reply.status)] === undefined) {
      return [`${method} ${template}: status ${reply.status} is not in the description`];
    }
    if (reply.body === undefined) return [];
    const response = follow(`/paths/${encoded}/${method.toLowerCase()}/responses/${reply.status}`);
    const pointer = `do#${response}/content/application~1json/schema`;
    const validate = compiled.get(pointer) ?? ajv.compile({ $ref: pointer });
    compiled.set(pointer, validate);
    if (validate(reply.body)) return [];
    return (validate.errors ?? []).map((e) => `${method} ${template} ${reply.status}: ${e.instancePath} ${e.message}`);
  };
}

(there ? describe : describe.skip)("every reply of a life cycle keeps the official description", () => {
  let account: Account;
  let check: ReturnType<typeof contract>;
  const broken: string[] = [];

  beforeAll(async () => {
    check = contract(JSON.parse(readFileSync(DESCRIPTION, "utf8")) as Description);
    account = await openAccount();
  });
  afterAll(() => account.close());

  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await account.call(method, path, body);
    broken.push(...check(method, path, answer));
    return answer;
  };

  it("from an empty account to an empty account, errors included", async () => {
    for (const path of ["account", "sizes?per_page=2", "regions", "images", "images/debian-13-x64", "actions"]) {
      await call("GET", `/v2/${path}`);
    }
    await call("POST", "/v2/tags", { name: "hermes" });
    await call("GET", "/v2/tags/hermes");
    await call("GET", "/v2/tags");
    const firewallBody = { name: "hermes", tags: ["hermes"], outbound_rules: OUTBOUND };
    const firewall = (await call("POST", "/v2/firewalls", firewallBody)).body.firewall.id;
    await call("PUT", `/v2/firewalls/${firewall}`, {
      ...firewallBody,
      inbound_rules: [
        { protocol: "tcp", ports: "22", sources: { addresses: ["192.0.2.7"], tags: ["hermes"] } },
        { protocol: "icmp", sources: { addresses: ["::/0"] } },
      ],
    });
    await call("GET", `/v2/firewalls/${firewall}`);
    await call("GET", "/v2/firewalls");
    const key = (await call("POST", "/v2/account/keys", { name: "hermes", public_key: PUBLIC_KEY })).body.ssh_key;
    await call("GET", `/v2/account/keys/${key.id}`);
    await call("GET", "/v2/account/keys");
    await call("PUT", `/v2/account/keys/${key.id}`, { name: "renamed" });
    const volumeBody = { name: "data", region: "fra1", size_gigabytes: 10, filesystem_type: "ext4" };
    const volume = (await call("POST", "/v2/volumes", volumeBody)).body.volume.id;
    await call("GET", `/v2/volumes/${volume}`);
    await call("GET", "/v2/volumes");

    const made = await call(
      "POST",
      "/v2/droplets",
      dropletBody({ tags: ["hermes"], ssh_keys: [key.fingerprint], volumes: [{ id: volume }], ipv6: true }),
    );
    const id = made.body.droplet.id;
    await account.settled(id);
    await call("GET", `/v2/droplets/${id}`);
    await call("GET", "/v2/droplets?tag_name=hermes");
    await call("GET", `/v2/droplets/${id}/firewalls`);
    for (const action of [
      { type: "rename", name: "other" },
      { type: "snapshot", name: "snap" },
      { type: "power_off" },
      { type: "resize", size: "s-2vcpu-4gb", disk: true },
      { type: "power_on" },
      { type: "shutdown" },
    ]) {
      const started = await call("POST", `/v2/droplets/${id}/actions`, action);
      await account.settled(id);
      await call("GET", `/v2/actions/${started.body.action.id}`);
      await call("GET", `/v2/droplets/${id}/actions/${started.body.action.id}`);
    }
    await call("GET", `/v2/droplets/${id}/actions`);
    await call("GET", `/v2/droplets/${id}/snapshots`);
    const snapshot = (await call("GET", "/v2/snapshots")).body.snapshots[0]?.id;
    await call("GET", `/v2/snapshots/${snapshot}`);
    const tagged = { resources: [{ resource_id: snapshot, resource_type: "image" }] };
    await call("POST", "/v2/tags/hermes/resources", tagged);
    await call("GET", "/v2/tags/hermes");
    for (const list of ["images?private=true", "images?tag_name=hermes", "snapshots?resource_type=droplet"])
      await call("GET", `/v2/${list}`);
    await call("GET", `/v2/images/${snapshot}`);
    await call("PUT", `/v2/images/${snapshot}`, { name: "renamed" });
    const copy = await call("POST", "/v2/droplets", dropletBody({ image: Number(snapshot), size: "s-2vcpu-4gb" }));
    await account.settled(copy.body.droplet.id);
    await call("GET", `/v2/droplets/${copy.body.droplet.id}`);
    await call("DELETE", "/v2/tags/hermes/resources", tagged);
    await call("DELETE", `/v2/images/${snapshot}`);
    await call("GET", `/v2/droplets/${copy.body.droplet.id}`);
    await call("DELETE", `/v2/droplets/${copy.body.droplet.id}`);
    const other = await call("POST", `/v2/droplets/${id}/actions`, { type: "snapshot", name: "other" });
    await account.settled(id);
    expect(other.status).toBe(201);
    await call("DELETE", `/v2/snapshots/${(await call("GET", "/v2/snapshots")).body.snapshots[0]?.id}`);
    await call("POST", `/v2/volumes/${volume}/actions`, { type: "detach", droplet_id: id, region: "fra1" });
    await account.settled(id);
    await call("DELETE", `/v2/droplets/${id}`);
    expect(await account.settled(id)).toBeUndefined();
    await call("DELETE", `/v2/volumes/${volume}`);
    await call("DELETE", `/v2/firewalls/${firewall}`);
    await call("DELETE", `/v2/account/keys/${key.id}`);
    await call("DELETE", "/v2/tags/hermes");
    await call("GET", `/v2/droplets/${id}`);
    broken.push(...check("GET", "/v2/account", await account.call("GET", "/v2/account", undefined, "wrong")));

    expect([...new Set(broken)]).toEqual([]);
  }, 30_000);

  it("is able to see a broken reply", () => {
    const reply = { status: 200, body: { droplet: { id: "one" } } };
    expect(check("GET", "/v2/droplets/1", reply)).not.toEqual([]);
  });
});
