import * as pulumi from "@pulumi/pulumi";
import { Hermes } from "../../components";
import { planInput } from "../../config";
import type { HermesConfig } from "../../config/types";
import { fingerprintOf, publicKeyOf } from "../../lib/ssh/public-key";
import { newKey } from "../../operations/init/init";
import { plan, shippedCatalogue } from "../../planner";
import { hermesConfig } from "../fixtures/gateway-config";
import { mockEngine, settled, type Registration } from "../fixtures/mock-engine";

const deployKey = newKey("test");
const SECRETS: Record<string, string> = {
  deployKey,
  hostKey: newKey("host"),
  gatewayToken: "gateway-token-with-more-than-32-characters",
  openrouterApiKey: "sk-or-v1-mock",
  telegramBotToken: "123:mock",
  trackerToken: "tracker-s3cret-value",
  notesKey: "notes-s3cret-value",
};

const fromProviders = (type: string): Record<string, unknown> => {
  switch (type) {
    case "tailscale:index/tailnetKey:TailnetKey":
      return { key: pulumi.secret("tskey-auth-mock") };
    case "digitalocean:index/droplet:Droplet":
      return { ipv4Address: "198.51.100.10", ipv6Address: "2001:db8:77::a" };
    case "command:local:Command":
      return { stdout: JSON.stringify({ id: "1", name: "hermes.example.ts.net", address: "100.64.0.1" }) };
    case "pulumi:index:Stash":
      return { output: "born" };
    default:
      return {};
  }
};

async function register(change: Partial<HermesConfig> = {}): Promise<Registration[]> {
  const seen = await mockEngine(fromProviders);
  process.env["HERMES_SKIP_CHECK"] = "1";
  const config = { ...hermesConfig, ...change };
  const secrets = Object.fromEntries(Object.entries(SECRETS).map(([name, value]) => [name, pulumi.secret(value)]));
  new Hermes("hermes", { config, plan: plan(planInput(config), shippedCatalogue()), secrets });
  await settled();
  return seen;
}

afterEach(() => delete process.env["HERMES_SKIP_CHECK"]);

const only = (seen: Registration[], type: string): Registration => {
  const found = seen.filter((one) => one.type === type);
  expect(found).toHaveLength(1);
  return found[0] as Registration;
};
const DROPLET = "digitalocean:index/droplet:Droplet";
const FIREWALL = "digitalocean:index/firewall:Firewall";
const VOLUME = "digitalocean:index/volume:Volume";
const KEY = "tailscale:index/tailnetKey:TailnetKey";

describe("a hermes", () => {
  it("is the same from every clone: no input holds where this one lies", async () => {
    const inputs = JSON.stringify((await register()).map(({ inputs }) => inputs));
    expect(inputs).not.toContain(process.cwd());
  });

  it("makes room for its name in the tailnet at birth and at the end only, never by an update in place", async () => {
    const slot = (await register()).find(({ name }) => name === "hermes-slot");
    expect(slot?.inputs).toMatchObject({ dir: ".", update: "exit 0" });
    expect(slot?.inputs["create"]).toContain("evict");
    expect(slot?.inputs["delete"]).toBe(slot?.inputs["create"]);
  });

  it("has a firewall on its tag without an inbound rule, before the droplet that carries the tag", async () => {
    const seen = await register();
    const firewall = only(seen, FIREWALL);
    expect(firewall.inputs).toMatchObject({ tags: ["hermes"], inboundRules: [] });
    const droplet = only(seen, DROPLET);
    expect(droplet.inputs["tags"]).toContain("hermes");
    expect(droplet.dependencies.some((urn) => urn.includes(FIREWALL))).toBe(true);
  });

  it("never replaces the droplet for its user data or keys, and deletes it first when it must go", async () => {
    const droplet = only(await register(), DROPLET);
    expect(droplet.ignoreChanges).toEqual(["userData", "sshKeys", "dropletAgent"]);
    expect(droplet.deleteBeforeReplace).toBe(true);
    expect(droplet.inputs).toMatchObject({ gracefulShutdown: true, dropletAgent: false, resizeDisk: false });
  });

  it("does not hang the droplet on its SSH key: a replaced key would take the droplet with it", async () => {
    const droplet = only(await register(), DROPLET);
    expect(droplet.inputs["sshKeys"]).toEqual([fingerprintOf(publicKeyOf(deployKey))]);
    expect(droplet.inputs["sshKeys"]).toEqual([expect.stringMatching(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)]);
    expect(droplet.dependencies.some((urn) => urn.includes("SshKey"))).toBe(true);
  });

  it("lets the stack's key log in as root and nobody else, while it is rotated also the next one", async () => {
    const keys = async (): Promise<unknown> => {
      const seen = await register();
      const staged = seen.find((one) => one.inputs["create"] === "hermes-apply stage config")?.inputs["stdin"];
      const { files } = JSON.parse(staged as string) as { files: Record<string, { text: string[]; mode: string }> };
      return files["/root/.ssh/authorized_keys"];
    };
    const own = publicKeyOf(deployKey);
    expect(await keys()).toEqual({ mode: "0600", owner: "root:root", text: [own, ""] });
    const next = newKey("next");
    SECRETS["deployKeyNext"] = next;
    const both = await keys().finally(() => delete SECRETS["deployKeyNext"]);
    expect(both).toMatchObject({ text: [own, publicKeyOf(next), ""] });
  });

  it("gives droplet and tailnet key the one replacement trigger, which only births change", async () => {
    const triggers = async (change: Partial<HermesConfig>): Promise<unknown[]> => {
      const seen = await register(change);
      return [only(seen, DROPLET).replacementTrigger, only(seen, KEY).replacementTrigger];
    };
    const [droplet, key] = await triggers({});
    expect(droplet).toEqual(expect.any(String));
    expect(key).toBe(droplet);
    await expect(triggers({ bootstrapRevision: 2 })).resolves.not.toEqual([droplet, key]);
    await expect(triggers({ region: "nyc3" })).resolves.not.toEqual([droplet, key]);
    await expect(triggers({ size: "s-2vcpu-4gb", swapGiB: 2 })).resolves.toEqual([droplet, key]);
    await expect(triggers({ models: { ...hermesConfig.models, primary: "openrouter/a/b" } })).resolves.toEqual([
      droplet,
      key,
    ]);
  });

  it("has the tailnet forget a sandbox's node by itself, and nobody else's", async () => {
    const forgotten = async (change: Partial<HermesConfig>): Promise<unknown> =>
      only(await register(change), KEY).inputs["ephemeral"];
    await expect(forgotten({})).resolves.toBe(false);
    const tailnet = { ...hermesConfig.tailnet, ephemeral: true as const };
    await expect(forgotten({ volumeGiB: 0, tailnet })).resolves.toBe(true);
  });

  const SANDBOX: Partial<HermesConfig> = {
    stack: "sandbox-pr-7",
    volumeGiB: 0,
    tailnet: { ...hermesConfig.tailnet, hostname: "hermes-sandbox-pr-7", ephemeral: true },
    sandbox: { expires: "2026-11-26T17:45:00Z", origin: "0a1b2c3d" },
  };

  it("says on a sandbox's droplet what it is and until when", async () => {
    const lease = "hermes-expires:2026-11-26t17:45:00z:0a1b2c3d:pr-7";
    const bot = "hermes-telegram-bot:123";
    const { tags } = only(await register(SANDBOX), DROPLET).inputs;
    expect(tags).toEqual(["hermes-sandbox-pr-7", "hermes-sandbox", lease, bot]);
  });

  it("brings another time, engine or idleness of a sandbox into tags and files, and no birth", async () => {
    const differing = async (change: Partial<HermesConfig["sandbox"]>): Promise<string[]> => {
      const [before, after] = [
        await register(SANDBOX),
        await register({ ...SANDBOX, sandbox: { expires: "2026-11-26T17:45:00Z", origin: "0a1b2c3d", ...change } }),
      ];
      return differingBetween(before, after);
    };
    await expect(differing({ expires: "2026-11-27T17:45:00Z" })).resolves.toEqual([DROPLET]);
    await expect(differing({ origin: "ffffffff" })).resolves.toEqual([DROPLET]);
    await expect(differing({ idleMinutes: 60 })).resolves.toEqual(["activate", "config", DROPLET]);
  });

  it("says on the droplet which bot polls there, and not its token", async () => {
    const seen = await register({ telegram: { ownerId: "123456789" } });
    expect(only(seen, DROPLET).inputs["tags"]).toEqual(["hermes", "hermes-telegram-bot:123"]);
  });

  it("keeps its state on a protected volume", async () => {
    const volume = only(await register(), VOLUME);
    expect(volume.protect).toBe(true);
    expect(volume.inputs).toMatchObject({ initialFilesystemLabel: "hermes", size: 10 });
  });

  it("has no volume where none is asked for", async () => {
    const seen = await register({ volumeGiB: 0 });
    expect(seen.filter((one) => one.type === VOLUME)).toEqual([]);
    expect(only(seen, DROPLET).inputs).toMatchObject({ volumeIds: [] });
  });

  it("asks for a tailnet key that works once, for an hour, with the tag", async () => {
    expect(only(await register(), KEY).inputs).toMatchObject({
      reusable: false,
      expiry: 3600,
      tags: ["tag:hermes"],
    });
  });

  it("runs its four remote commands anew on a new droplet, silent, and with no delete script", async () => {
    const commands = (await register()).filter((one) => one.type === "command:remote:Command");
    expect(commands.map((one) => one.inputs["create"])).toEqual([
      "hermes-apply stage program",
      "hermes-apply stage config",
      "hermes-apply stage secrets",
      "hermes-apply activate",
    ]);
    for (const command of commands) {
      expect(command.inputs).toMatchObject({ triggers: ["hermes-id"], logging: "none", addPreviousOutputInEnv: false });
      expect(command.inputs["delete"]).toBeUndefined();
      expect(command.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdout", "stderr"]));
    }
  });

  it("activates after both bundles are staged", async () => {
    const seen = await register();
    const activate = seen.find((one) => one.inputs["create"] === "hermes-apply activate");
    const staged = activate?.dependencies.filter((urn) => /-(config|secrets)$/.test(urn));
    expect(staged).toHaveLength(2);
  });

  it("shows the staged configuration in plain and hides every secret of the stack", async () => {
    const seen = await register();
    const stdin = (create: string): unknown => seen.find((one) => one.inputs["create"] === create)?.inputs["stdin"];
    expect(stdin("hermes-apply stage config")).toEqual(expect.stringContaining('"kind": "config"'));
    const plain = JSON.stringify(seen.map((one) => withoutSecrets(one.inputs)));
    const leaked = Object.entries(SECRETS).filter(([, value]) => plain.includes(JSON.stringify(value).slice(1, -1)));
    expect(leaked.map(([name]) => name)).toEqual([]);
  });

  it("passes itself as parent to everything it makes", async () => {
    const seen = await register();
    const orphans = seen.filter((one) => !one.parent.includes("hermes:index:"));
    expect(orphans.map((one) => one.type)).toEqual(["hermes:index:Hermes"]);
  });

  it("has every command refuse a machine that does not show the stack's host key, in either mode", async () => {
    const publicKey = publicKeyOf(SECRETS["hostKey"] ?? "");
    for (const change of [{}, { access: { mode: "ssh" as const, adminCidrs: ["198.51.100.7/32"] } }]) {
      const commands = (await register(change)).filter((one) => one.type === "command:remote:Command");
      expect(commands).toHaveLength(4);
      for (const { inputs, dependencies } of commands) {
        expect(JSON.stringify(inputs["connection"])).toContain(JSON.stringify(publicKey));
        expect(dependencies.some((urn) => urn.endsWith("-host-key"))).toBe(true);
      }
    }
  });

  it("has each droplet prove itself once, by the tailnet key of its user data, before anything logs in", async () => {
    const adoption = (await register()).find(({ name }) => name === "hermes-host-key");
    expect(adoption).toMatchObject({
      type: "command:local:Command",
      inputs: {
        create: "node lib/ssh/main.js host-key",
        update: "node lib/ssh/main.js host-key --known",
        triggers: ["hermes-id"],
      },
    });
    const { value } = adoption?.inputs["stdin"] as { value: string };
    expect(JSON.parse(value)).toEqual({
      host: "100.64.0.1",
      privateKey: deployKey,
      hostKey: SECRETS["hostKey"],
      tailnetKey: "tskey-auth-mock",
    });
  });

  it("in ssh mode opens 22 to the listed addresses", async () => {
    const seen = await register({ access: { mode: "ssh", adminCidrs: ["198.51.100.7/32"] } });
    expect(only(seen, FIREWALL).inputs["inboundRules"]).toEqual([
      { protocol: "tcp", portRange: "22", sourceAddresses: ["198.51.100.7/32"] },
    ]);
  });

  it("in ssh mode brings another range into the firewall and nftables, and no birth", async () => {
    const [before, after] = [
      await register({ access: { mode: "ssh", adminCidrs: ["198.51.100.7/32"] } }),
      await register({ access: { mode: "ssh", adminCidrs: ["198.51.100.8/32"] } }),
    ];
    expect(differingBetween(before, after)).toEqual(["activate", "config", FIREWALL]);
  });
});

/** Names of what a change of the configuration changes, birth triggers and all. */
function differingBetween(before: Registration[], after: Registration[]): string[] {
  const counting = ({ inputs, ignoreChanges, replacementTrigger }: Registration) =>
    JSON.stringify([replacementTrigger, Object.entries(inputs).filter(([name]) => !ignoreChanges?.includes(name))]);
  const differing = before.flatMap((each) => {
    const now = after.find(({ type, name }) => type === each.type && name === each.name);
    if (now !== undefined && counting(now) === counting(each)) return [];
    return [each.name.replace(/^hermes-?/, "") || each.type];
  });
  return differing.sort();
}

/** Drops what the SDK marked as secret. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  const marker = value as Record<string, unknown>;
  if (marker[pulumi.runtime.specialSigKey] === pulumi.runtime.specialSecretSig) return "[secret]";
  return Object.fromEntries(Object.entries(marker).map(([key, each]) => [key, withoutSecrets(each)]));
}
