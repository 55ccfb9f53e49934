import { renderReport, type PreviewDigest, type ReportInput, type ResourceState } from "../../operations/review";
import { CASES, inputOf } from "../fixtures/previews";

const URN = "urn:pulumi:hermes::hermes::";
const DROPLET = "digitalocean:index/droplet:Droplet";
const FIREWALL = "digitalocean:index/firewall:Firewall";
const VOLUME = "digitalocean:index/volume:Volume";

type Step = NonNullable<PreviewDigest["steps"]>[number];

const resource = (type: string, inputs: Record<string, unknown>, name = "hermes"): ResourceState => ({
  ...{ urn: `${URN}${type}::${name}`, type, id: "7", inputs },
  outputs: { ...inputs },
});
const droplet = (more: Record<string, unknown> = {}) =>
  resource(DROPLET, {
    name: "hermes",
    size: "s-1vcpu-2gb",
    region: "nyc3",
    tags: ["hermes"],
    volumeIds: ["v"],
    ...more,
  });
const firewall = (inboundRules: unknown[], tags: string[] = ["hermes"]) => resource(FIREWALL, { inboundRules, tags });
const volume = resource(VOLUME, { name: "hermes", size: 10, region: "nyc3" });
const rule = (portRange: string, ...sourceAddresses: string[]) => ({ protocol: "tcp", portRange, sourceAddresses });

const STACK = [droplet(), firewall([]), volume];
const update = (before: ResourceState, after: ResourceState): Step => ({
  ...{ op: "update", urn: before.urn, oldState: before, newState: after },
});
const remove = (before: ResourceState): Step => ({ op: "delete", urn: before.urn, oldState: before });
const replace = (before: ResourceState, after: ResourceState): Step => ({ ...update(before, after), op: "replace" });

const report = (steps: Step[], more: Partial<ReportInput> = {}) =>
  renderReport({ stack: "hermes", state: STACK, preview: { steps }, ...more });
const verdict = (steps: Step[], more?: Partial<ReportInput>) => report(steps, more).verdict;
const error = (message: string): Partial<ReportInput> => ({
  preview: { steps: [], diagnostics: [{ severity: "error", message: `error: ${message}\n` }] },
});

describe("the verdict", () => {
  it("is that a port is exposed where a rule is new, and what it replaces besides", () => {
    const opened = update(firewall([]), firewall([rule("22", "198.51.100.7/32")]));
    expect(verdict([opened])).toEqual({
      level: "exposes",
      line: "**Exposes a port**: `tcp 22 from 198.51.100.7/32`. **Safe**: nothing that runs is touched.",
    });
    expect(verdict([opened, replace(droplet(), droplet({ image: "x" }))]).line).toMatch(
      /Exposes.*Replaces the droplet/,
    );
  });

  it("is that a port is exposed where more may reach it, and not where less", () => {
    const [narrow, wide] = [firewall([rule("22", "198.51.100.7/32")]), firewall([rule("22", "198.51.100.0/24")])];
    expect(verdict([update(narrow, wide)]).level).toBe("exposes");
    const closed = report([update(wide, firewall([]))], { state: [droplet(), wide, volume] });
    expect(closed.verdict.level).toBe("safe");
    expect(closed.markdown).toContain("| open to the internet | `tcp 22 from 198.51.100.0/24` | **nothing** |");
  });

  it.each<[string, Step]>([
    ["the firewall looks at another tag", update(firewall([]), firewall([], ["other"]))],
    ["the droplet loses its tag", update(droplet(), droplet({ tags: [] }))],
  ])("is that every port is exposed where %s", (_, step) => {
    expect(verdict([step]).line).toMatch(/Exposes a port.*every port of droplet hermes, which no firewall covers/);
  });

  it("is that state is lost where the volume goes, with the droplet or alone", () => {
    expect(verdict([remove(volume)]).level).toBe("loses-state");
    expect(verdict([remove(volume), remove(droplet())]).line).toMatch(/Loses state.*Destroys the droplet/);
    expect(verdict([remove(droplet())])).toEqual({
      level: "replaces",
      line: "**Destroys the droplet.** State stays on the volume.",
    });
  });

  it("is that state is lost where the droplet is replaced and has no volume", () => {
    const bare = [droplet({ volumeIds: [] }), firewall([])];
    const step = replace(droplet({ volumeIds: [] }), droplet({ volumeIds: [] }));
    expect(verdict([step], { state: bare }).level).toBe("loses-state");
    expect(verdict([step], { state: undefined }).level).toBe("loses-state");
  });

  it("is a policy's violation where the program was stopped by one, and an error where anything else stopped it", () => {
    const said = "Firewall hermes: inboundRules[0] opens tcp 22 to all. Take it out. (policy no-open-world)";
    const policy = report([], error(said));
    expect(policy.verdict).toEqual({
      level: "policy",
      line: "**Violates 1 policy**: `no-open-world`. `up` refuses. **No changes.**",
    });
    expect(policy.markdown).toMatch(/^- Firewall hermes: `inboundRules\[0\]` opens tcp 22 to all. Take it out.$/m);
    expect(verdict([], error("a server is on fire")).level).toBe("error");
  });

  it("tells what pulumi said where no diagnostic does", () => {
    const { verdict: failed, markdown } = report([], { failure: "error: no such stack" });
    expect(failed.level).toBe("error");
    expect(markdown).toContain("no such stack");
  });

  it("is no worse than it was where nothing changes", () => {
    expect(verdict([], { state: [droplet(), firewall([rule("22", "198.51.100.7/32")]), volume] })).toEqual({
      ...{ level: "safe", line: "**No changes.**" },
    });
  });
});

describe("on a droplet that stays", () => {
  const file = (text: string) => ({ mode: "0644", owner: "root:root", text: text.split("\n") });
  const bundle = (files: Record<string, string>, more: object = {}) =>
    JSON.stringify({
      ...{ hermes: 1, kind: "config", openclaw: { version: "1.0.0" }, node: { version: "24.0.0" }, workspaces: {} },
      files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, file(text)])),
      ...more,
    });
  const command = (name: string, inputs: Record<string, unknown>) =>
    resource("command:remote:Command", inputs, `hermes-${name}`);
  const given = (name: string, before: unknown, after: unknown, reason = "stdin"): Step => ({
    ...update(command(name, { [reason]: before }), command(name, { [reason]: after })),
    diffReasons: [reason],
  });
  const config = (before: string, after: string) => verdict([given("config", before, after)]).line;
  const json = (value: unknown) => bundle({ "/etc/openclaw/openclaw.json": JSON.stringify(value) });

  it("an openclaw.json that says something else is taken hot, and the same in other words by nobody", () => {
    expect(config(json({ a: 1 }), json({ a: 2 }))).toBe("**Safe**: taken by the running gateway, no restart.");
    const spaced = bundle({ "/etc/openclaw/openclaw.json": '{ "a":  1 }' });
    expect(config(json({ a: 1 }), spaced)).toBe("**Safe**: files only, no restart.");
  });

  it.each([
    ["a unit of the gateway", bundle({ "/etc/systemd/system/openclaw-gateway.service.d/memory.conf": "x" })],
    ["a version of OpenClaw", bundle({}, { openclaw: { version: "2.0.0" } })],
    ["a version of Node", bundle({}, { node: { version: "26.1.0" } })],
  ])("%s restarts the gateway", (_, after) => {
    expect(config(bundle({}), after)).toBe("**Restarts the gateway**: about half a minute. State stays.");
  });

  it("what is beside the gateway leaves it alone", () => {
    expect(config(bundle({ "/etc/hermes/swap": "4\n" }), bundle({ "/etc/hermes/swap": "2\n" }))).toBe(
      "**Safe**: made in place, the gateway goes on.",
    );
  });

  it("secrets may restart it, but not where a command only logs in anew", () => {
    expect(verdict([given("secrets", "[secret]", "[secret]")])).toMatchObject({
      ...{ level: "restarts", line: expect.stringContaining("**May restart the gateway**") },
    });
    expect(verdict([given("secrets", "[secret]", "[secret]", "connection")])).toMatchObject({ level: "safe" });
  });

  it("shows lines of files, and of a binary one only that it changed", () => {
    const binary = (base64: string) =>
      bundle({}, { files: { "/etc/x": { mode: "0644", owner: "root:root", base64 } } });
    const text = bundle({ "/etc/hermes/swap": "4\n" });
    expect(report([given("config", bundle({}), text)]).markdown).toMatch(/new: .*swap.*\+1 −0.*^\+4$/ms);
    expect(report([given("config", binary("AAAA"), binary("BBBB"))]).markdown).toContain("Not text");
    expect(report([given("config", "no bundle", "{")]).verdict.level).toBe("safe");
  });
});

describe("a report without the state", () => {
  it("says what it does not know instead of guessing", () => {
    const { markdown } = report([update(droplet(), droplet({ size: "s-2vcpu-4gb" }))], { state: undefined });
    expect(markdown).toContain("| open to the internet | not in this preview |");
  });
});

describe("drift", () => {
  const seen = (known: ResourceState, undo?: Step): Step[] => [
    { op: "refresh", urn: known.urn, oldState: known, newState: known },
    ...(undo === undefined ? [] : [undo]),
  ];

  it("is none where everything was looked at and nothing would be put right", () => {
    const { markdown, verdict: calm } = report([], { drift: { steps: STACK.flatMap((one) => seen(one)) } });
    expect(markdown).toContain("**Drift**: none.");
    expect(calm.line).toBe("**No changes.**");
  });

  it("is a resource that is gone", () => {
    const steps = seen(volume, { op: "create", urn: volume.urn, newState: volume });
    expect(report([], { drift: { steps } }).markdown).toContain("| `Volume` `hermes` | is gone |");
  });

  it("tells the value that was deployed and the one that was found", () => {
    const steps = seen(droplet(), update(droplet({ tags: ["hermes", "mine"] }), droplet()));
    const { markdown, verdict: drifted } = report([], { drift: { steps } });
    expect(markdown).toContain('`tags`: `["hermes"]` → `["hermes","mine"]`');
    expect(drifted.line).toBe("**Drift**: 1 resource is not as last deployed.");
  });

  it("is an exposure where somebody took the firewall away", () => {
    const steps = [...seen(firewall([]), update(firewall([], []), firewall([]))), ...seen(droplet())];
    expect(report([], { drift: { steps } }).verdict.line).toMatch(/^\*\*Exposed now\*\*.*every port of droplet hermes/);
  });
});

describe("a preview with --refresh", () => {
  /** As the official plugins record it: a refresh keeps only as many entries of an input as there were. */
  const opened = {
    ...firewall([]),
    outputs: { inboundRules: [{ ...rule("22", "0.0.0.0/0"), sourceTags: [], sourceDropletIds: [] }], tags: ["hermes"] },
  };
  const tagged = { ...droplet({ tags: ["extra"] }), outputs: { tags: ["extra", "hermes"] } };
  const steps: Step[] = [
    ...STACK.map((one) => ({ op: "refresh", urn: one.urn, oldState: one, newState: one })),
    { ...update(opened, firewall([])), detailedDiff: { inboundRules: { kind: "delete" } } },
    { ...update(tagged, droplet()), detailedDiff: { "tags[0]": { kind: "delete" }, "tags[1]": { kind: "update" } } },
  ];

  it("says what was found, and what it becomes again", () => {
    const { markdown, verdict: found } = report(steps);
    expect(markdown).toContain("| `Firewall` `hermes` | `inboundRules`: `tcp 22 from 0.0.0.0/0` → nothing |");
    expect(markdown).toContain('| `Droplet` `hermes` | `tags`: `["extra","hermes"]` → `["hermes"]` |');
    expect(markdown).toContain("| open to the internet | `tcp 22 from 0.0.0.0/0` | **nothing** |");
    expect(found.level).toBe("safe");
  });
});

describe("of a real preview", () => {
  const of = (name: string) => renderReport(inputOf(CASES.find((one) => one.name === name)!));

  it("a replaced droplet is told by the key that does it, and what stays", () => {
    const { markdown } = of("image");
    expect(markdown).toMatch(/`hermes:image` changed, and a droplet is given that at birth only.*The volume stays/);
    expect(markdown).toContain("| name in the tailnet | `hermes.tail1234.ts.net` | the same node and address |");
  });

  it("a larger size shows what it costs more, and the memory plan", () => {
    const { markdown } = of("size");
    expect(markdown).toContain("| 13.00 | 25.00 (**+12.00**) |");
    expect(markdown).toMatch(/memory planned \| 1,400 of 1,945 MiB.*1,400 of 3,910 MiB/);
  });

  it("an edit of a workspace is shown line by line, one of a secret by its bundle's name", () => {
    expect(of("soul").markdown).toMatch(/^\+- Say the answer first, in one sentence/m);
    expect(of("secret-rotation").markdown).toContain("bundle `secrets` changed");
  });
});
