import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { dump, load } from "js-yaml";
import { RULES } from "../../policy";
import { knownSecrets, OFFENCES, OPENED, type Expected } from "../fixtures/offences";
import { expectFailure, expectSuccess } from "../support/engine";
import { encrypted, SECRETS } from "../support/stack-file";
import { COMMITTED, mutations, startBench, type Ended, type EngineBench } from "./harness";

jest.setTimeout(1_200_000);

const PROJECT = join(__dirname, "../..");

let bench: EngineBench;

beforeAll(async () => {
  bench = await startBench({ stack: "hermes", program: join(PROJECT, "tests/fixtures/offending-program") });
  await bench.keepProviders();
});

afterAll(() => bench.stop());

function configure(offence: Record<string, unknown>, hermes: Record<string, unknown> = {}): void {
  const own = Object.entries(offence).map(([key, value]) => [`offence:${key}`, value] as const);
  bench.configure({ ...COMMITTED, ...hermes, "hermes:secrets": encrypted(SECRETS), ...Object.fromEntries(own) });
}

const resources = (expected: Expected[]) => expected.map(({ type, name, props }) => ({ type, name, props }));
const kind = ({ type }: Expected): string => type.split(":").at(-1) ?? "";

/** As the engine shows types: without the name's copy in the module. */
const shortType = ({ type }: Expected): string => type.replace(/\/\w+(?=:)/, "");

function expectAll(offences: Expected[], isNamed: (each: Expected) => boolean, { output }: Ended): void {
  const missing = offences.filter((each) => !isNamed(each)).map(({ rule, name }) => `${rule}: ${name}`);
  expect({ missing, output: missing.length === 0 ? "" : output }).toEqual({ missing: [], output: "" });
}

function expectStopped(ended: Ended): void {
  expectFailure(ended);
  for (const value of Object.values(SECRETS)) expect(ended.output).not.toContain(value.slice(0, 60));
}

/**
 * The pack as an organisation has it, but for its runtime: a language host of old does not run packs, so the engine is
 * given what runs them.
 */
function policyPack(): { pack: string; env: Record<string, string> } {
  const pack = join(bench.dir, "pack");
  const source = join(PROJECT, "policy/pack");
  mkdirSync(pack, { recursive: true });
  for (const file of ["index.js", "package.json"]) symlinkSync(join(source, file), join(pack, file));
  symlinkSync(join(PROJECT, "node_modules"), join(pack, "node_modules"));
  const project = load(readFileSync(join(source, "PulumiPolicy.yaml"), "utf8")) as { runtime: object };
  const runtime = { ...project.runtime, name: "hermes" };
  writeFileSync(join(pack, "PulumiPolicy.yaml"), dump({ ...project, runtime }));
  const bin = join(PROJECT, "tests/fixtures/policy-analyzer");
  return { pack, env: { PATH: [bin, bench.environment["PATH"]].join(delimiter) } };
}

describe("the policy of hermes", () => {
  it("has an offence against each of its rules", () => {
    const tried = new Set(OFFENCES.map(({ rule }) => rule)).add("monthly-budget");
    expect([...tried].sort()).toEqual(RULES.map(({ name }) => name).sort());
  });

  it("fails the program's preview and names every offence in each of its disguises, at once", async () => {
    const offences = [...OFFENCES, ...knownSecrets(SECRETS.gatewayToken)];
    configure({ resources: resources(offences), changes: OPENED }, { "hermes:policy": { maxMonthlyUsd: 20 } });
    const preview = await bench.pulumi(["preview"]);
    const isNamed = (each: Expected) => preview.output.includes(`error: ${kind(each)} ${each.name}: ${each.says}`);
    expectAll(offences, isNamed, preview);
    expect(preview.output).toContain("error: Firewall hermes: inboundRules[0] opens tcp 22 to 0.0.0.0/0");
    expect(preview.output).toMatch(
      /error: Stack hermes-hermes: it costs at least \$25\.00 a month \(.*droplet .* may cost \$20\.00/,
    );
    expectStopped(preview);
    expect(mutations(bench.digitalocean)).toEqual([]);
  });
});

describe("the policy pack", () => {
  let pack: string;
  let env: Record<string, string>;

  beforeAll(() => void ({ pack, env } = policyPack()));

  it("fails the preview of any program, and names every offence", async () => {
    const packConfig = join(bench.dir, "limits.json");
    writeFileSync(packConfig, JSON.stringify({ "monthly-budget": { maxMonthlyUsd: 20 } }));
    configure({ resources: resources(OFFENCES), alone: true });
    const args = ["preview", "--policy-pack", pack, "--policy-pack-config", packConfig];
    const preview = await bench.pulumi(args, { env });
    const found = preview.output.replace(/\s+/g, " ");
    const isNamed = (each: Expected) => found.includes(`${each.rule} (${shortType(each)}: ${each.name})`);
    expectAll(OFFENCES, isNamed, preview);
    expect(found).toContain("monthly-budget (pulumi:pulumi:Stack: hermes-hermes)");
    expectStopped(preview);
  });

  it("passes the stack hermes, as the program's own gate does", async () => {
    configure({});
    const preview = await bench.pulumi(["preview", "--policy-pack", pack], { env });
    expectSuccess(preview);
    expect(preview.output).toMatch(/Policies:[\s\S]*hermes/);
  });
});

/** Last: what it makes before the offence is in the state, and a preview that would delete a protected volume fails. */
describe("an update without a preview", () => {
  it("ends before anything is made of the offence", async () => {
    configure({ changes: OPENED });
    const up = await bench.pulumi(["up", "--yes", "--skip-preview"]);
    expect(up.output).toContain("error: Firewall hermes: inboundRules[0] opens tcp 22 to 0.0.0.0/0");
    expectStopped(up);
    expect(mutations(bench.digitalocean).filter((deed) => /firewalls|droplets/.test(deed))).toEqual([]);
  });
});
