import { CommandError, EXIT } from "../../lib/output";
import type { SshTarget } from "../../lib/ssh/connection";
import { fingerprint, isExpected, wrongKey } from "../../lib/ssh/host-key";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { newKey } from "../../operations/init/init";
import { rotate, type RotateParts } from "../../operations/rotate";
import type { Reach } from "../../operations/stack/reach";
import { OUTPUTS } from "../fixtures/operated-stack";

const OLD = newKey("old");
const OLD_HOST = newKey("old host");

/** A stack's file and the droplet behind it; the command can be cut off at any step. */
class World implements RotateParts {
  secrets: Record<string, string> = { deployKey: OLD, hostKey: OLD_HOST };
  authorised = [publicKeyOf(OLD)];
  host = OLD_HOST;
  revision = { deployed: 3 as number | undefined, configured: 3 };
  steps = 0;
  cutAfter = Infinity;
  refuses: string | undefined;

  private step(): void {
    if (++this.steps > this.cutAfter) throw new Error("cut off");
  }
  reach = async (): Promise<Reach> => ({
    host: "100.64.0.2",
    privateKey: this.secrets["deployKey"] ?? "",
    hostKey: publicKeyOf(this.secrets["hostKey"] ?? ""),
    outputs: OUTPUTS,
    secrets: { ...this.secrets },
  });
  apply = async (reach: Reach, verbs: string, stdin: string): Promise<void> => {
    this.step();
    await this.logIn(reach);
    if (this.refuses !== undefined) throw new CommandError(this.refuses, EXIT.unhealthy);
    expect(verbs).toBe("stage deploy-key");
    this.authorised.push(stdin);
  };
  giveHostKey = async (target: SshTarget, key: string): Promise<void> => {
    this.step();
    await this.logIn(target);
    if (this.refuses !== undefined) throw new CommandError(this.refuses, EXIT.unhealthy);
    this.host = key;
  };
  shows = (target: SshTarget): Promise<void> => this.logIn(target);
  logIn = async ({ privateKey, hostKey }: Pick<Reach, "privateKey" | "hostKey">): Promise<void> => {
    const shown = Buffer.from(publicKeyOf(this.host).split(" ")[1] ?? "", "base64");
    if (!isExpected(hostKey, shown)) throw wrongKey("100.64.0.2:22", hostKey, shown);
    const known = this.authorised.includes(publicKeyOf(privateKey));
    if (!known) throw new CommandError("ssh root@100.64.0.2:22: not let in", EXIT.cloud);
  };
  setSecret = async (name: string, value: string): Promise<void> => {
    this.step();
    this.secrets[name] = value;
  };
  dropSecret = async (name: string): Promise<void> => {
    this.step();
    delete this.secrets[name];
  };
  deployedRevision = async () => this.revision.deployed;
  configuredRevision = async () => this.revision.configured;
  setRevision = async (revision: number): Promise<void> => void (this.revision.configured = revision);
  newKey = () => newKey("new");
  valueOf = async (name: string) => `new ${name}`;
  say = () => undefined;
}

const letsIn = async (world: World): Promise<boolean> =>
  world
    .reach()
    .then(world.logIn)
    .then(
      () => true,
      () => false,
    );

describe.each(["deployKey", "hostKey"])("hermes rotate %s", (name) => {
  const old = name === "deployKey" ? OLD : OLD_HOST;

  it("has the droplet know the new key before the stack uses it", async () => {
    const world = new World();
    await rotate(name, {}, world);
    expect(world.secrets[name]).not.toBe(old);
    expect(Object.keys(world.secrets)).not.toContain(`${name}Next`);
    expect(await letsIn(world)).toBe(true);
  });

  it("cut off after any step and run again, ends well, and with one key", async () => {
    const whole = new World();
    await rotate(name, {}, whole);
    for (let cut = 0; cut < whole.steps; cut++) {
      const world = new World();
      world.cutAfter = cut;
      await expect(rotate(name, {}, world)).rejects.toThrow("cut off");
      world.cutAfter = Infinity;
      await rotate(name, {}, world);
      expect(await letsIn(world)).toBe(true);
      expect(world.secrets[name]).not.toBe(old);
      expect(Object.keys(world.secrets).filter((each) => each.endsWith("Next"))).toEqual([]);
    }
  });

  it("goes on where an `up` between has taken the old key off", async () => {
    const world = new World();
    const next = newKey("next");
    world.secrets[`${name}Next`] = next;
    if (name === "deployKey") world.authorised = [publicKeyOf(next)];
    else world.host = next;
    await rotate(name, {}, world);
    expect(world.secrets[name]).toBe(next);
  });

  it("changes nothing that counts where the old key is not let in, and tells the way", async () => {
    const world = new World();
    world.authorised = [];
    const failed = rotate(name, {}, world);
    await expect(failed).rejects.toThrow(`hermes rotate ${name} --lost; pulumi up`);
    await expect(failed).rejects.toMatchObject({ code: EXIT.cloud });
    expect(world.secrets[name]).toBe(old);
  });

  it("tells what the droplet refused, and keeps the old key", async () => {
    const world = new World();
    world.refuses = "bring it up to date: pulumi up";
    await expect(rotate(name, {}, world)).rejects.toMatchObject({ message: world.refuses, code: EXIT.unhealthy });
    expect(world.secrets[name]).toBe(old);
  });

  it("--lost makes a new one without the droplet, and has the next `up` replace it", async () => {
    const world = new World();
    world.authorised = [];
    const { next } = await rotate(name, { lost: true }, world);
    expect(world.secrets[name]).not.toBe(old);
    expect(world.revision.configured).toBe(4);
    expect(next).toContain("pulumi up replaces the droplet");
    await rotate(name, { lost: true }, world);
    expect(world.revision.configured).toBe(4);
  });

  it("--lost replaces nothing where there is no droplet", async () => {
    const world = new World();
    world.revision.deployed = undefined;
    await rotate(name, { lost: true }, world);
    expect(world.revision.configured).toBe(3);
  });
});

describe("hermes rotate", () => {
  it("sets any other secret anew, for the next `up`", async () => {
    const world = new World();
    const { next } = await rotate("openrouterApiKey", {}, world);
    expect(world.secrets["openrouterApiKey"]).toBe("new openrouterApiKey");
    expect(next).toContain("revoke the old one");
  });

  it("gives a host key to a droplet that shows another one only when its fingerprint is named", async () => {
    const world = new World();
    world.host = newKey("made by itself");
    const shown = fingerprint(Buffer.from(publicKeyOf(world.host).split(" ")[1] ?? "", "base64"));
    const refused = rotate("hostKey", {}, world);
    await expect(refused).rejects.toThrow("--fingerprint");
    await expect(refused).rejects.toMatchObject({ code: EXIT.cloud });
    const other = `SHA256:${"A".repeat(43)}`;
    await expect(rotate("hostKey", { fingerprint: other }, world)).rejects.toMatchObject({ code: EXIT.cloud });
    await rotate("hostKey", { fingerprint: shown }, world);
    expect(world.secrets["hostKey"]).toBe(world.host);
    expect(await letsIn(world)).toBe(true);
  });

  it("takes a fingerprint with hostKey only, and only a whole one", async () => {
    const whole = `SHA256:${"A".repeat(43)}`;
    for (const [name, options, code] of [
      ["deployKey", { fingerprint: whole }, EXIT.usage],
      ["hostKey", { fingerprint: whole, lost: true }, EXIT.usage],
      ["hostKey", { fingerprint: "MD5:aa" }, EXIT.input],
    ] as const)
      await expect(rotate(name, options, new World())).rejects.toMatchObject({ code });
  });

  it("knows no other secret", async () => {
    const world = new World();
    await expect(rotate("passphrase", {}, world)).rejects.toMatchObject({ code: EXIT.input });
    await expect(rotate("gatewayToken", { lost: true }, world)).rejects.toMatchObject({ code: EXIT.usage });
  });
});
