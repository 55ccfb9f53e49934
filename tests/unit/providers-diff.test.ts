import recorded from "../../localcloud/providers/diff-table.json";
import { plugin as command } from "../../localcloud/providers/command/provider";
import { plugin as digitalocean } from "../../localcloud/providers/digitalocean/provider";
import {
  checkInputs,
  diffResource,
  inputsAfterRead,
  previewOfCreate,
} from "../../localcloud/providers/framework/lifecycle";
import type { ResourceType } from "../../localcloud/providers/framework/resource";
import { UNKNOWN, type Values } from "../../localcloud/providers/framework/values";
import { plugin as tailscale } from "../../localcloud/providers/tailscale/provider";

const TYPES: Record<string, ResourceType> = {
  ...digitalocean.resources,
  ...tailscale.resources,
  ...command.resources,
};

interface Recorded {
  op: string;
  diffReasons?: string[];
  replaceReasons?: string[];
  detailedDiff?: Record<string, string>;
  message?: string;
}
const TABLE = recorded.types as Record<string, { changes: Record<string, Recorded> }>;

/** Inputs to start from, and what each recorded case did to them; undefined takes an input away. */
interface Case {
  from?: Values;
  to: Values;
}

const V4 = ["0.0.0.0/0", "::/0"];
const rule = (portRange: string, destinationAddresses = V4) => ({ protocol: "tcp", portRange, destinationAddresses });
const connection = { host: "192.0.2.1", port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 };
const set = (key: string, from: unknown, to: unknown): Case => ({ from: { [key]: from }, to: { [key]: to } });

const commandCases = (): Record<string, Case> => ({
  create: set("create", "a", "b"),
  update: set("update", "a", "b"),
  delete: set("delete", "a", "b"),
  stdin: set("stdin", "a", "b"),
  logging: set("logging", "stdout", "none"),
  addPreviousOutputInEnv: set("addPreviousOutputInEnv", true, false),
  triggers: set("triggers", [1], [2]),
  "triggers-removed": set("triggers", [1], undefined),
});

const CASES: Record<string, { base: Values; cases: Record<string, Case> }> = {
  "digitalocean:index/tag:Tag": { base: {}, cases: { name: set("name", "a", "b") } },
  "digitalocean:index/sshKey:SshKey": {
    base: { name: "a", publicKey: "ssh-ed25519 AAAA a" },
    cases: {
      name: { to: { name: "b" } },
      publicKey: { to: { publicKey: "ssh-ed25519 BBBB b" } },
      "publicKey-newline": { to: { publicKey: "ssh-ed25519 AAAA a\n" } },
    },
  },
  "digitalocean:index/firewall:Firewall": {
    base: { name: "a", tags: ["t"], outboundRules: [rule("1-65535")] },
    cases: {
      name: { to: { name: "b" } },
      tags: { to: { tags: ["t", "u"] } },
      dropletIds: { to: { dropletIds: [1] } },
      inboundRules: { to: { inboundRules: [{ protocol: "tcp", portRange: "22", sourceAddresses: V4 }] } },
      outboundRules: { to: { outboundRules: [rule("443")] } },
      "outbound-1-65535-to-all": { to: { outboundRules: [rule("all")] } },
      "outbound-address-order": { to: { outboundRules: [rule("1-65535", [...V4].reverse())] } },
      "outbound-empty": { to: { outboundRules: [] } },
    },
  },
  "digitalocean:index/volume:Volume": {
    base: { name: "a", region: "fra1", size: 10, initialFilesystemType: "ext4", initialFilesystemLabel: "hermes" },
    cases: {
      name: { to: { name: "b" } },
      region: { to: { region: "nyc3" } },
      size: { to: { size: 20 } },
      "size-shrink": { to: { size: 5 } },
      description: { to: { description: "new" } },
      snapshotId: { to: { snapshotId: "1" } },
      tags: { to: { tags: ["t"] } },
      filesystemType: { to: { filesystemType: "xfs" } },
      initialFilesystemType: { to: { initialFilesystemType: "xfs" } },
      "initialFilesystemType-removed": { to: { initialFilesystemType: undefined } },
      initialFilesystemLabel: { to: { initialFilesystemLabel: "other" } },
    },
  },
  "digitalocean:index/droplet:Droplet": {
    base: {
      name: "a",
      image: "debian-13-x64",
      region: "fra1",
      size: "s-1vcpu-2gb",
      sshKeys: ["k"],
      tags: ["t"],
      userData: "text",
    },
    cases: {
      name: { to: { name: "b" } },
      "name-removed": { to: { name: undefined } },
      image: { to: { image: "debian-12-x64" } },
      region: { to: { region: "nyc3" } },
      size: { to: { size: "s-2vcpu-4gb" } },
      "size-down": { to: { size: "s-1vcpu-1gb" } },
      userData: { to: { userData: "other" } },
      "userData-newline": { to: { userData: "text\n" } },
      "userData-removed": { to: { userData: undefined } },
      sshKeys: { to: { sshKeys: ["l"] } },
      tags: { to: { tags: ["t", "u"] } },
      "tags-case": { to: { tags: ["T"] } },
      "tags-removed": { to: { tags: undefined } },
      monitoring: set("monitoring", undefined, true),
      "monitoring-removed": set("monitoring", true, undefined),
      backups: set("backups", undefined, true),
      "backups-off": set("backups", true, false),
      backupPolicy: set(
        "backupPolicy",
        { plan: "weekly", weekday: "MON", hour: 4 },
        { plan: "daily", weekday: "TUE", hour: 8 },
      ),
      dropletAgent: set("dropletAgent", undefined, false),
      gracefulShutdown: set("gracefulShutdown", undefined, true),
      resizeDisk: set("resizeDisk", undefined, false),
      privateNetworking: set("privateNetworking", undefined, true),
      publicNetworking: set("publicNetworking", undefined, false),
      vpcUuid: set("vpcUuid", undefined, "5a4981aa-9653-4bd1-bef5-d6bff52042e4"),
      ipv6: set("ipv6", undefined, true),
      "ipv6-off": set("ipv6", true, false),
      volumeIds: set("volumeIds", undefined, ["v"]),
      "volumeIds-from-empty": set("volumeIds", [], ["v"]),
    },
  },
  "tailscale:index/tailnetKey:TailnetKey": {
    base: { reusable: false, ephemeral: true, preauthorized: true, tags: ["tag:a"], expiry: 3600, description: "a" },
    cases: {
      reusable: { to: { reusable: true } },
      ephemeral: { to: { ephemeral: false } },
      preauthorized: { to: { preauthorized: false } },
      tags: { to: { tags: ["tag:b"] } },
      expiry: { to: { expiry: 7200 } },
      "expiry-removed": { to: { expiry: undefined } },
      description: { to: { description: "b" } },
      recreateIfInvalid: { to: { recreateIfInvalid: "always" } },
      userId: { to: { userId: "u" } },
    },
  },
  "command:local:Command": {
    base: {},
    cases: {
      ...commandCases(),
      environment: set("environment", { A: "1" }, { A: "2" }),
      interpreter: set("interpreter", ["/bin/sh", "-c"], ["/bin/bash", "-c"]),
      dir: set("dir", "/", "/tmp"),
      assetPaths: set("assetPaths", ["a"], ["b"]),
      archivePaths: set("archivePaths", ["a"], ["b"]),
    },
  },
  "command:remote:Command": {
    base: { connection },
    cases: {
      ...commandCases(),
      environment: set("environment", {}, { A: "2" }),
      "triggers-appended": set("triggers", [1], [1, 2]),
      "triggers-added": set("triggers", undefined, [1]),
      "connection.host": { to: { connection: { ...connection, host: "192.0.2.2" } } },
      "connection.dialErrorLimit": { to: { connection: { ...connection, dialErrorLimit: 3 } } },
      "connection.hostKey": { to: { connection: { ...connection, hostKey: "ssh-ed25519 AAAA" } } },
    },
  },
};

const defined = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** What the stand-in answers, in the words of the recording. */
function answer(type: string, from: Values, to: Values): Recorded {
  const definition = TYPES[type]!;
  const urn = `urn:pulumi:s::p::${type}::x`;
  const olds = checkInputs(definition, urn, {}, from).inputs;
  const news = checkInputs(definition, urn, olds, to).inputs;
  try {
    const { changes, replaces } = diffResource(definition, type, {}, olds, news);
    if (changes.length === 0) return { op: "no diff" };
    const detailed = changes.map(({ path, kind, replace }) => [path, replace ? `${kind}-replace` : kind]);
    return {
      op: changes.some((change) => change.replace) ? "replace" : "update",
      diffReasons: [...new Set(changes.map((change) => change.property))].sort(),
      ...(replaces.length > 0 ? { replaceReasons: replaces } : {}),
      ...(definition.rules.plain === true
        ? {}
        : { detailedDiff: Object.fromEntries(detailed) as Record<string, string> }),
    };
  } catch (error) {
    return { op: "error at preview", message: (error as Error).message };
  }
}

describe.each(Object.keys(TABLE))("%s", (type) => {
  const { base, cases } = CASES[type]!;

  it("has every recorded case here", () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(TABLE[type]!.changes).sort());
  });

  it.each(Object.keys(TABLE[type]!.changes))("answers as the official plugin did when this changed: %s", (name) => {
    const { from, to } = cases[name]!;
    const before = defined({ ...base, ...from });
    expect(answer(type, before, defined({ ...before, ...to }))).toEqual(TABLE[type]!.changes[name]);
  });
});

describe("a replaced resource", () => {
  const droplet = TYPES["digitalocean:index/droplet:Droplet"]!;
  const token = "digitalocean:index/droplet:Droplet";
  const urn = `urn:pulumi:s::p::${token}::x`;
  const base = { image: "debian-13-x64", region: "fra1", size: "s-1vcpu-2gb" };
  const replaceWith = (name: Values): boolean => {
    const olds = checkInputs(droplet, urn, {}, { ...base, ...name }).inputs;
    const news = checkInputs(droplet, urn, olds, { ...base, ...name, image: "debian-12-x64" }).inputs;
    return diffResource(droplet, token, {}, olds, news).deleteBeforeReplace;
  };

  it("is deleted first when its name was given, since a name can't be taken twice", () => {
    expect(replaceWith({ name: "hermes" })).toBe(true);
  });

  it("is created first when its name was made up, and keeps that name otherwise", () => {
    expect(replaceWith({})).toBe(false);
    const first = checkInputs(droplet, urn, {}, base).inputs;
    expect(first["name"]).toMatch(/^x-[0-9a-f]{7}$/);
    expect(checkInputs(droplet, urn, first, base).inputs).toEqual(first);
  });
});

describe("a preview of a new resource", () => {
  it("shows what the API will fill in as unknown", () => {
    const outputs = previewOfCreate(TYPES["digitalocean:index/droplet:Droplet"]!, { name: "a", __defaults: [] });
    expect(outputs).toMatchObject({ name: "a", ipv4Address: UNKNOWN, status: UNKNOWN });
    expect(outputs).not.toHaveProperty("__defaults");
  });
});

describe("a refresh", () => {
  const firewall = TYPES["digitalocean:index/firewall:Firewall"]!;

  it("leaves inputs alone that mean what was read", () => {
    const inputs = { name: "a", outboundRules: [rule("443")] };
    expect(inputsAfterRead(firewall, inputs, { name: "a", outboundRules: [rule("443", [...V4].reverse())] })).toEqual(
      inputs,
    );
  });

  it("takes over what drifted, so that the next update puts it back", () => {
    const read = inputsAfterRead(firewall, { name: "a", __defaults: [] }, { name: "renamed" });
    expect(read).toEqual({ name: "renamed", __defaults: [] });
  });
});
