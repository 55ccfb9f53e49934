// The state is lost; everything that DigitalOcean has of the stack is taken into a new one by `pulumi import`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asRoot, expectSuccess } from "../support/engine";
import { initStack } from "../support/stack-file";
import { startWorld, type World } from "../torture/world";
import type { Ended, PreviewStep } from "./harness";

jest.setTimeout(1_200_000);

const DOCS = join(__dirname, "../../docs/torture.md");
const HERMES = "hermes:index:Hermes";
const TAKEN = [
  "digitalocean:index/tag:Tag",
  "digitalocean:index/firewall:Firewall",
  "digitalocean:index/sshKey:SshKey",
];
const KEPT = ["digitalocean:index/volume:Volume", "digitalocean:index/droplet:Droplet"];

asRoot("a stack whose state was lost", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld("volume", { keepProviders: true });
    expectSuccess(await run("up", "--yes", "--skip-preview"));
  });
  afterAll(() => world.stop());

  const run = (...args: string[]): Promise<Ended> => world.pulumi(args);
  const previewed = async (): Promise<PreviewStep[]> => {
    const { stdout, output, code } = await run("preview", "--json");
    expectSuccess({ code, output });
    const { steps = [] } = JSON.parse(stdout) as { steps?: PreviewStep[] };
    return steps;
  };
  const typeOf = ({ urn }: PreviewStep): string => urn.split("::")[2]?.split("$").at(-1) ?? "";

  /** The file of `pulumi import --file`: each resource below the component that the program gives it. */
  function importFile(): string {
    const state = world.bench.deployment().resources ?? [];
    const taken = state.filter(({ type }) => [...TAKEN, ...KEPT].includes(type));
    const components = ["Perimeter", "Host"].map((name) => `hermes:index:${name}`);
    const parentOf = ({ urn }: { urn: string }): string => urn.split("::")[2]?.split("$").at(-2) ?? "";
    const resources = [
      { type: HERMES, name: "hermes", component: true, logicalName: "hermes" },
      ...components.map((type) => ({ type, name: type, logicalName: "hermes", component: true, parent: "hermes" })),
      ...taken.map((one) => ({
        type: one.type,
        name: one.type,
        logicalName: "hermes",
        id: one.id,
        parent: parentOf(one),
      })),
    ];
    const path = join(world.bench.dir, "import.json");
    writeFileSync(path, JSON.stringify({ resources }));
    return path;
  }

  it("goes on with what is imported: nothing of it is replaced, deleted or made again", async () => {
    const path = importFile();
    const before = structuredClone(world.bench.digitalocean.state);
    initStack({ state: join(world.bench.dir, "pulumi", "state"), project: "hermes", stack: "hermes" });
    expectSuccess(await run("import", "--file", path, "--yes", "--generate-code=false", "--protect=false"));
    const steps = (await previewed()).filter(
      (step) => step.op !== "same" && [...TAKEN, ...KEPT].includes(typeOf(step)),
    );
    // Two settings of the provider's own, which no API tells of: set in the state, without a call.
    expect(steps.map((step) => [step.op, typeOf(step), step.diffReasons])).toEqual([
      ["update", "digitalocean:index/droplet:Droplet", ["gracefulShutdown", "resizeDisk"]],
    ]);
    expectSuccess(await run("up", "--yes", "--skip-preview"));
    expect(Object.keys(world.bench.digitalocean.state.droplets)).toEqual(Object.keys(before.droplets));
    expect(world.bench.digitalocean.state.volumes).toEqual(before.volumes);
    expectSuccess(await run("preview", "--expect-no-changes"));
  });

  it("takes a volume back by the documented command, and plans no change of it", async () => {
    const volume = world.bench.deployment().resources?.find(({ type }) => type === KEPT[0]);
    expectSuccess(await run("destroy", "--yes", "--skip-preview", "--exclude-protected"));
    expectSuccess(await run("state", "delete", volume?.urn ?? "", "--yes", "--force"));
    const [, command = ""] = /^ *pulumi (import [^`]*)```/m.exec(readFileSync(DOCS, "utf8")) ?? [];
    const words = command
      .replace(/STACK/g, "hermes")
      .replace(/\bID\b/, volume?.id ?? "")
      .replace(/[\\']/g, "");
    const args = words
      .trim()
      .split(/\s+/)
      .filter((word, index, all) => word !== "--stack" && all[index - 1] !== "--stack");
    expectSuccess(await run(...args, "--yes"));
    const steps = (await previewed()).filter((step) => typeOf(step) === KEPT[0] && step.op !== "same");
    expect(steps).toEqual([]);
    expectSuccess(await run("up", "--yes", "--skip-preview"));
    expect(Object.keys(world.bench.digitalocean.state.volumes)).toEqual([volume?.id]);
  });
});
