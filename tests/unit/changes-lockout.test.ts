import * as pulumi from "@pulumi/pulumi";
import { renderNftables } from "../../cloud-init";
import { ConfigError } from "../../config/problem";
import type { HermesConfig } from "../../config/types";
import { addressSeenBy } from "../../lib/ssh/operator-address";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { newKey } from "../../operations/init/init";
import { lockedOutText, pendingRanges, refuseLockout } from "../../operations/preflight/lockout";
import type { StateResource } from "../../operations/sweep";
import { hermesConfig } from "../fixtures/gateway-config";
import { SshHost } from "../fixtures/ssh-host";

const OLD = ["198.51.100.7/32"];
const NEW = ["203.0.113.0/24"];
const config = (adminCidrs: string[], more: Partial<HermesConfig> = {}): HermesConfig => ({
  ...hermesConfig,
  access: { mode: "ssh", adminCidrs },
  ...more,
});

/** What an `up` with these ranges left. */
function stateOf(adminCidrs: string[], host = "192.0.2.1"): StateResource[] {
  const text = renderNftables({ access: { mode: "ssh", adminCidrs }, mcpPrivateTargets: [] }).split("\n");
  const stdin = JSON.stringify({ files: { "/etc/hermes/nftables.nft": { text } } });
  return [
    { urn: "urn::hermes", type: "digitalocean:index/droplet:Droplet", outputs: { ipv4Address: host } },
    { urn: "urn::hermes-config", type: "command:remote:Command", outputs: { stdin } },
  ];
}

describe("ranges that the droplet does not know yet", () => {
  it("are those that differ from what nftables on it was given, in any order", () => {
    expect(pendingRanges(stateOf(OLD), config(NEW))).toEqual({ host: "192.0.2.1", before: OLD, wanted: NEW });
    const two = [...OLD, ...NEW];
    expect(pendingRanges(stateOf(two), config([...two].reverse()))).toBeUndefined();
  });

  it("are none without a droplet, and none on the tailnet", () => {
    expect(pendingRanges([], config(NEW))).toBeUndefined();
    expect(pendingRanges(stateOf(OLD), { ...config(NEW), access: { mode: "tailnet" } })).toBeUndefined();
    expect(pendingRanges(stateOf([]), config(NEW))).toBeUndefined();
  });
});

/** Of this run of the tests alone; port 22 is what Pulumi dials. */
const DROPLET = `127.76.${1 + (process.pid % 254)}.1`;

describe("a change of the ranges", () => {
  const [deployKey, hostKey] = [newKey("deploy"), newKey("host")];
  const secrets = { deployKey: pulumi.secret(deployKey), hostKey: pulumi.secret(hostKey) };
  let droplet: SshHost | undefined;
  beforeEach(() => void jest.spyOn(pulumi.log, "warn").mockResolvedValue());
  afterEach(async () => {
    jest.restoreAllMocks();
    await droplet?.stop();
    droplet = undefined;
  });

  /** One that sees everybody come from that address. */
  async function startDroplet(address: string): Promise<void> {
    droplet = Object.assign(new SshHost(), { hostKey });
    droplet.behaviour = (_, channel) => {
      channel.write(`${address} 50000 192.0.2.1 22\n`);
      channel.exit(0);
      channel.end();
    };
    await droplet.start(DROPLET, 22);
  }
  const change = (to: string[], host = DROPLET): Promise<string | undefined> =>
    refuseLockout({ things: [], state: stateOf(OLD, host) }, config(to), secrets);

  const asRoot = process.getuid?.() === 0 ? it : it.skip;

  asRoot("is refused where they do not contain the address that the droplet sees this machine at", async () => {
    await startDroplet("198.51.100.7");
    await expect(change(NEW)).rejects.toThrow(ConfigError);
    await expect(change(NEW)).rejects.toThrow(
      /hermes:adminCidrs is 203\.0\.113\.0\/24: it does not contain 198\.51\.100\.7[^]*Add 198\.51\.100\.7\/32/,
    );
    await expect(change([...OLD, ...NEW])).resolves.toBeUndefined();
  });

  it("warns of what is ahead where the droplet does not answer", async () => {
    const text = await change(NEW, "127.76.255.1");
    expect(text).toMatch(/does not answer this machine, and hermes:adminCidrs changes from 198\.51\.100\.7\/32/);
    expect(jest.mocked(pulumi.log.warn)).toHaveBeenCalledWith(text);
  });
});

describe("the way back in", () => {
  const pending = { host: "192.0.2.1", before: OLD, wanted: [...NEW, "2001:db8::/48"] };

  it("is over the tailnet, with the rules to add", () => {
    const text = lockedOutText(pending, config(NEW));
    expect(text).toContain(
      "'nft insert rule inet hermes input ip saddr 203.0.113.0/24 tcp dport 22 accept; " +
        "nft insert rule inet hermes input ip6 saddr 2001:db8::/48 tcp dport 22 accept'",
    );
  });

  it("never calls a new droplet harmless where state is lost with the old one", () => {
    expect(lockedOutText(pending, config(NEW, { volumeGiB: 0 }))).toMatch(/ALL STATE IS LOST/);
    expect(lockedOutText(pending, config(NEW, { volumeGiB: 10 }))).toMatch(/its state stay/);
  });
});

describe("the address that a droplet sees", () => {
  it.each([
    ["203.0.113.9 50000 192.0.2.1 22", "203.0.113.9"],
    ["::ffff:203.0.113.9 50000 ::ffff:192.0.2.1 22", "203.0.113.9"],
    ["2001:db8::9 50000 2001:db8::1 22", "2001:db8::9"],
    ["", undefined],
    ["nonsense", undefined],
  ])("of %j is %s", async (connection, address) => {
    const host = new SshHost();
    host.behaviour = (_, channel) => {
      channel.write(`${connection}\n`);
      channel.exit(0);
      channel.end();
    };
    await host.start();
    try {
      const target = {
        host: "127.0.0.1",
        port: host.port,
        privateKey: newKey("deploy"),
        hostKey: publicKeyOf(host.hostKey),
      };
      expect(await addressSeenBy(target)).toBe(address);
    } finally {
      await host.stop();
    }
  });
});
