// docs/backup.md, "Into another region": its commands, in their order, on the emulated account.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startSandboxWorld, type SandboxWorld } from "../fixtures/sandbox-world";
import { asRoot, expectSuccess } from "../support/engine";
import { encrypted, SECRETS, writeStackFile } from "../support/stack-file";
import { COMMITTED, type Ended } from "./harness";

jest.setTimeout(1_200_000);

const DOCS = readFileSync(join(__dirname, "../../docs/backup.md"), "utf8");
/** Of a running gateway, which these droplets do not have. */
const ON_A_GATEWAY = /^\.\/hermes (backup|restore) /;

/** The commands of the first block below that heading. */
function documented(): string[][] {
  const [, block = ""] = /^## Into another region.*?^```\n(.*?)^```$/ms.exec(DOCS) ?? [];
  const lines = block.split("\n").map((line) => line.replace(/\s+#.*$/, "").trim());
  return lines.filter((line) => line !== "" && !ON_A_GATEWAY.test(line)).map((line) => line.split(/\s+/));
}

asRoot("the documented move into another region", () => {
  let world: SandboxWorld;
  beforeAll(async () => {
    world = await startSandboxWorld();
    writeStackFile(join(world.project, "Pulumi.hermes.yaml"), { ...COMMITTED, "hermes:secrets": encrypted(SECRETS) });
    expectSuccess(await world.pulumi("up", "--stack", "hermes", "--yes", "--skip-preview"));
  });
  afterAll(() => world?.stop());

  const run = ([program = "", ...args]: string[]): Promise<Ended> => {
    if (program === "./hermes") return world.hermes(...args);
    return world.pulumi(...args, ...(args[0] === "up" ? ["--yes", "--skip-preview"] : []));
  };
  const droplets = () => Object.values(world.bench.digitalocean.state.droplets);

  it("ends with a second gateway there, beside the first one", async () => {
    const [first] = structuredClone(droplets());
    const commands = documented();
    expect(commands.map(([program]) => program)).toContain("./hermes");
    for (const command of commands) expectSuccess(await run(command));
    expect(droplets().map(({ name, region }) => ({ name, region }))).toEqual([
      { name: "hermes", region: "nyc3" },
      { name: "hermes-fra1", region: "fra1" },
    ]);
    expect(droplets()[0]).toEqual(first);
    expect(await world.preview("hermes")).toEqual([]);
    expect(await world.preview("elsewhere")).toEqual([]);
  });

  it("is refused at preview without keys of its own, with the command that makes them", async () => {
    expectSuccess(await world.pulumi("stack", "init", "third", "--copy-config-from", "hermes"));
    const set = ["config", "set", "--stack", "third", "--path", "hermes:tailnet.hostname", "hermes-third"];
    expectSuccess(await world.pulumi(...set));
    const ended = await world.pulumi("preview", "--stack", "third");
    expect(ended.code).not.toBe(0);
    expect(ended.output).toMatch(/hermes:secrets\.deployKey is \[secret\]: the DigitalOcean account has this key/);
    expect(ended.output).toContain("hermes init --stack third --rotate deployKey hostKey gatewayToken");
  });
});
