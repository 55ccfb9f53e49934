import type { ModelFailure } from "../../localcloud/services";
import type { MemoryPlan } from "../../planner";
import { agentNames, prepareLoad, runTurns, scriptTools, serverNames, turn, type Load } from "../../scripts/bench/load";
import { Recorder, type Recording } from "../../scripts/bench/memory-recorder";
import { MemoryReader } from "../../scripts/bench/memory-sample";
import { ownLab } from "../support/labs";

/** Each agent's own model, so that two chains can fail at a time; both go on with the same two. */
const FIRST = "google/gemma-4-31b-it:free";
const OTHER_FIRST = "nvidia/nemotron-3-ultra-550b-a55b:free";
const NEXT = "google/gemma-4-26b-a4b-it:free";
const LAST = "openrouter/free";
const ALL = [FIRST, OTHER_FIRST, NEXT, LAST];

const LOAD: Load = { agents: 2, mcpServers: 2, models: [FIRST, OTHER_FIRST] };
const [AGENT = "", OTHER_AGENT = ""] = agentNames(LOAD.agents);

/**
 * `openclaw` commands, as far as the budget counts them: one at a time. This load asks its agents by commands, two at once, and
 * more where the machine is busy.
 */
const ONE_COMMAND_MIB = 140;

const project = ownLab();

beforeAll(async () => {
  prepareLoad(project, LOAD);
  project.setKey("models", [`primary: openrouter/${NEXT}`, `fallbacks: [openrouter/${LAST}]`]);
  await project.start();
});

const starts = async (): Promise<number> =>
  Number(
    await project.droplet(
      "journalctl --output cat --unit openclaw-gateway | grep -c '^Started openclaw-gateway' || true",
    ),
  );

describe("2 GiB of memory", () => {
  let recording: Recording;
  let startsBefore: number;
  let plan: MemoryPlan;

  beforeAll(async () => {
    plan = (await project.outputs<{ memory: MemoryPlan }>()).memory;
    startsBefore = await starts();
    await scriptTools(project, LOAD);
  });

  it("carry thirty turns of two agents with two MCP servers, and a restart between", async () => {
    const recorder = new Recorder(new MemoryReader(project.lab, project.dropletId));
    const turns = await runTurns(project, LOAD, { turns: 30, restartAfter: 15 });
    recording = recorder.stop();
    expect(turns.filter(({ ok }) => !ok)).toEqual([]);
    expect(turns).toHaveLength(30);
    await project.control("services/openrouter/script", { steps: [] });
  });

  it("were used for the tools of both servers by both agents", async () => {
    const calls = await project.modelCalls();
    for (const model of [FIRST, OTHER_FIRST]) {
      const results = calls
        .filter((call) => call.model === model)
        .flatMap(({ messages }) => messages.filter(({ role }) => role === "tool"))
        .map(({ text }) => text)
        .join("\n");
      for (const server of serverNames(LOAD.mcpServers)) expect(results).toContain(`${server} heard: hello`);
    }
  });

  it("never ran out: nothing was killed, and the gateway started again only when it was told to", async () => {
    expect(recording.counted.oomKills).toBe(0);
    expect(await project.droplet("systemctl show --property NRestarts --value openclaw-gateway")).toBe("0");
    expect(await starts()).toBe(startsBefore + 1);
  });

  it("are planned for: the budget is the measured peak less 100 MiB at least, and a quarter more at most", () => {
    const { withoutCommands, roles } = recording.peaks;
    const measured = withoutCommands + Math.min(roles.commands ?? 0, ONE_COMMAND_MIB);
    // A peak differs by that much between runs: a busy machine collects garbage late.
    expect(plan.totalMiB).toBeGreaterThanOrEqual(measured - 100);
    expect(plan.totalMiB).toBeLessThanOrEqual(measured * 1.25);
    expect(plan.totalMiB).toBeLessThanOrEqual(plan.memTotalMiB);
  });

  it("are guarded: the gateway by limits within them, the agents' commands first to be killed, SSH and tailnet never", async () => {
    const unit = async (name: string): Promise<Record<string, string>> => {
      const shown = await project.droplet(
        `systemctl show ${name} --property MemoryMax,MemorySwapMax,OOMScoreAdjust,OOMPolicy`,
      );
      return Object.fromEntries(shown.split("\n").map((line) => line.split("=") as [string, string]));
    };
    const [gateway, agent, ssh, tailscale] = await Promise.all(
      ["openclaw-gateway", "hermes-agent", "ssh", "tailscaled"].map(unit),
    );
    const mib = (bytes = ""): number => Number(bytes) / 1024 / 1024;
    expect(gateway).toMatchObject({ OOMPolicy: "continue" });
    expect(mib(gateway?.["MemoryMax"])).toBeLessThan(plan.memTotalMiB);
    expect([gateway, agent].map((each) => mib(each?.["MemorySwapMax"]))).toEqual([1024, 1024]);
    const gatewayLines = plan.lines.filter(({ part }) => part === "gateway").reduce((sum, line) => sum + line.mib, 0);
    expect(mib(gateway?.["MemoryMax"])).toBeGreaterThanOrEqual(gatewayLines);
    const [first, second, ...never] = [agent, gateway, tailscale, ssh].map((each) => Number(each?.["OOMScoreAdjust"]));
    expect(first).toBeGreaterThan(second ?? NaN);
    for (const score of never) expect(score).toBeLessThanOrEqual(0);
    expect(second).toBeGreaterThan(0);
  });
});

describe("the chain of models", () => {
  const fail = (model: string, failure: ModelFailure | null): Promise<unknown> =>
    project.control("services/openrouter/model", { id: model, failure });

  /** One turn in a session of its own while models fail; who was asked, in their order, and who answered. */
  const askWhile = async (
    failures: Record<string, ModelFailure>,
    { agent = AGENT, session, timeoutSeconds }: { agent?: string; session: string; timeoutSeconds?: number },
  ) => {
    for (const [model, failure] of Object.entries(failures)) await fail(model, failure);
    const message = `are you there, ${session}`;
    const ended = await turn(project, { agent, session, message, ...(timeoutSeconds ? { timeoutSeconds } : {}) });
    for (const model of Object.keys(failures)) await fail(model, null);
    const calls = await project.modelCalls();
    const asked = calls.filter(({ messages }) => messages.some(({ text }) => text.includes(message)));
    return { ...ended, asked: asked.map(({ model }) => model) };
  };

  const times = (count: number, model: string): string[] => Array.from({ length: count }, () => model);

  it.each<[string, ModelFailure]>([
    ["a used-up daily quota", { kind: "free-models-per-day" }],
    ["no credit (402)", { status: 402 }],
    ["a refused key (401)", { status: 401 }],
  ])("goes on at once after %s", async (_what, failure) => {
    const session = `after-${failure.kind ?? failure.status}`;
    expect(await askWhile({ [FIRST]: failure }, { session })).toMatchObject({
      ok: true,
      model: NEXT,
      asked: [FIRST, NEXT],
    });
  });

  it("ends a turn that has a deadline there, with no other model asked, when a model never answers", async () => {
    const silence = { [FIRST]: { kind: "silent" as const } };
    const { ok, asked, text } = await askWhile(silence, { session: "silence", timeoutSeconds: 15 });
    expect({ ok, asked }).toEqual({ ok: false, asked: [FIRST] });
    expect(text).toMatch(/timed out/i);
  });

  describe("when all are down", () => {
    beforeAll(async () => {
      for (const model of ALL) await fail(model, { kind: "free-models-per-day" });
    });

    afterAll(async () => {
      for (const model of ALL) await fail(model, null);
    });

    it("fails the turn, says which were asked, and `hermes-apply status` says it too", async () => {
      const said = await project.droplet("hermes-apply status --agent-turn 2>/dev/null; echo $?");
      const [json = "", code] = said.split("\n");
      expect(code).toBe("3");
      const { error } = (JSON.parse(json) as { agentTurn: { error: string } }).agentTurn;
      expect(error).toMatch(/All models failed/);
      for (const model of [FIRST, NEXT, LAST]) expect(error).toContain(model);
    });

    it("fails `up`, whose check says why", async () => {
      const up = await project.up();
      expect(up.code).not.toBe(0);
      expect(up.stdout + up.stderr).toMatch(/hermes is up, but not healthy: [^]*All models failed/);
    });
  });

  it("that answer without a word are named, each of them", async () => {
    await project.control("services/openrouter/script", { steps: [{ match: "ping", text: "" }] });
    const said = await project.droplet("hermes-apply status --agent-turn 2>/dev/null || true");
    await project.control("services/openrouter/script", { steps: [] });
    const { error } = (JSON.parse(said) as { agentTurn: { error: string } }).agentTurn;
    for (const model of [FIRST, NEXT, LAST]) expect(error).toContain(`openrouter/${model} (an empty answer)`);
  });

  /** OpenClaw tries these again and again for one to three minutes, so both agents wait at the same time. */
  describe("tries again before it goes on", () => {
    type Asked = Awaited<ReturnType<typeof askWhile>>;
    let perMinute: Asked;
    let outage: Asked;
    let cut: Asked;

    beforeAll(async () => {
      const other = { agent: OTHER_AGENT };
      [perMinute, [outage, cut]] = await Promise.all([
        askWhile({ [FIRST]: { kind: "free-models-per-min" } }, { session: "per-minute" }),
        (async (): Promise<[Asked, Asked]> => [
          await askWhile({ [OTHER_FIRST]: { status: 503 } }, { ...other, session: "outage" }),
          await askWhile({ [OTHER_FIRST]: { kind: "cut" } }, { ...other, session: "cut" }),
        ])(),
      ]);
    });

    it("after a used-up minute (429): ten times", () => {
      expect(perMinute).toMatchObject({ ok: true, model: NEXT, asked: [...times(10, FIRST), NEXT] });
    });

    it.each([
      ["an outage (503)", () => outage],
      ["a stream that is cut in the middle", () => cut],
    ])("after %s: some seven times", (_what, found) => {
      const { ok, model, asked } = found();
      expect({ ok, model, last: asked.at(-1) }).toEqual({ ok: true, model: NEXT, last: NEXT });
      const tries = asked.slice(0, -1);
      expect(tries).toEqual(times(tries.length, OTHER_FIRST));
      expect(tries.length).toBeGreaterThanOrEqual(5);
      expect(tries.length).toBeLessThanOrEqual(9);
    });

    it("and shows nothing of the beginning of the stream that was cut", () => {
      expect(cut.text).toBe(`PONG from ${NEXT}`);
    });
  });
});
