import type { StackOutputs } from "../../operations/stack/reach";
import { sharedLab } from "../support/labs";
import { openPorts } from "../support/open-ports";
import { succeeded } from "../support/project-copy";

const project = sharedLab("real");

const MODEL = "qwen3.5:9b";
const BIG = "s-8vcpu-16gb";

/** What a droplet with a model of its own adds to the stack's outputs. */
type Outputs = StackOutputs & { models: { primary: string; fallbacks: string[]; local: string | null; why: string } };

interface OpenclawConfig {
  models: { providers: Record<string, unknown> };
  agents: { defaults: { model: { primary: string; fallbacks: string[] } } };
}

const set = async (key: string, value: string): Promise<void> => {
  succeeded(await project.pulumi("config", "set", key, value));
};
const openclawConfig = async (): Promise<OpenclawConfig> =>
  JSON.parse(await project.droplet("cat /etc/openclaw/openclaw.json")) as OpenclawConfig;

let born: Outputs;

describe("on 2 GB", () => {
  it("runs no local model, and says why and what size would", async () => {
    born = await project.outputs<Outputs>();
    expect(born.models.local).toBeNull();
    expect(born.models.why).toMatch(/No local model[\s\S]*s-1vcpu-2gb/);
    const preview = await project.pulumi("preview");
    expect(preview.stdout).toMatch(/No local model[\s\S]*s-1vcpu-2gb/);
    expect(preview.stdout).toMatch(/Set hermes:size to s-\dvcpu-\d+gb/);
  });

  it("refuses one that is required at preview, with the arithmetic and the fix", async () => {
    await set("hermes:ollama", "required");
    const preview = await project.pulumi("preview");
    expect(preview.code).not.toBe(0);
    expect(preview.stdout + preview.stderr).toMatch(/hermes:ollama[\s\S]*weights[\s\S]*KV cache[\s\S]*1,945/);
    await set("hermes:ollama", "auto");
  });
});

describe("on 16 GB", () => {
  it("stays on its remote models, ready, when the model can't be pulled, and `up` says so", async () => {
    await project.control("services/ollama/faults", { missing: true });
    await set("hermes:size", BIG);
    const { code, stdout, stderr } = await project.up();
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain(`the model ${MODEL} could not be pulled`);
    const { agents, models } = await openclawConfig();
    expect(Object.keys(models.providers)).toEqual(["openrouter"]);
    expect(JSON.stringify(agents.defaults.model)).not.toContain("ollama");
    expect(await project.ask("ping?", "remote")).toContain("PONG from google/gemma-4-31b-it:free");
    await project.control("services/ollama/faults", { missing: false });
  });

  it("has it by the next `up`, on the same droplet, with the pull's progress shown", async () => {
    const result = await project.up();
    succeeded(result);
    expect(result.stdout).toMatch(new RegExp(`pulling ${MODEL}: \\d+ %`));
    const { agents, models } = await openclawConfig();
    expect(agents.defaults.model.fallbacks.at(-1)).toBe(`ollama/${MODEL}`);
    expect(models.providers["ollama"]).toMatchObject({
      baseUrl: "http://127.0.0.1:11434",
      models: [{ contextTokens: 65_536, params: { num_ctx: 65_536, num_batch: 512 } }],
    });
    const now = await project.outputs<Outputs>();
    expect(now.models.local).toBe(MODEL);
    expect(now.droplet.id).toEqual(born.droplet.id);
    expect(now.tailnet).toEqual(born.tailnet);
  });

  it("runs Ollama in its own account, on loopback only, within its limits, without libraries for graphics cards", async () => {
    expect(await project.droplet("ps -o user= -p $(systemctl show -P MainPID ollama)")).toBe("ollama");
    expect(await project.droplet("ss -Hltn 'sport = :11434' | awk '{print $4}'")).toBe("127.0.0.1:11434");
    expect(await openPorts(project.lab, "outside", born.droplet.ipv4, "-p11434,18789")).toEqual([]);
    const [max, swap, score] = (
      await project.droplet("systemctl show ollama -P MemoryMax -P MemorySwapMax -P OOMScoreAdjust")
    ).split("\n");
    expect(Number(max)).toBeGreaterThan(8 * 2 ** 30);
    expect([swap, score]).toEqual(["0", "500"]);
    expect(await project.droplet("find /opt/ollama -iname '*cuda*' -o -iname '*vulkan*'")).toBe("");
  });

  it("lets neither the agents' account nor Ollama's where they do not belong", async () => {
    const reach = (user: string, port: number) =>
      project.droplet(
        `runuser -u ${user} -- timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}' 2>/dev/null && echo open || echo closed`,
      );
    expect(await reach("openclaw", 11434)).toBe("open");
    expect(await reach("agent", 11434)).toBe("closed");
    expect(await reach("ollama", 18789)).toBe("closed");
  });

  it("brings no change the second time", async () => {
    succeeded(await project.up("--expect-no-changes"));
  });

  it("answers from the local model when every model of OpenRouter is down", async () => {
    const { agents } = await openclawConfig();
    const remote = [agents.defaults.model.primary, ...agents.defaults.model.fallbacks].filter((model) =>
      model.startsWith("openrouter/"),
    );
    const failure = { status: 429, kind: "free-models-per-day" };
    for (const model of remote)
      await project.control("services/openrouter/model", { id: model.replace(/^openrouter\//, ""), failure });
    const answer = await project
      .ask("ping", "all-down")
      .finally(() => project.control("services/openrouter/reset", {}));
    expect(answer).toContain(`PONG from ollama/${MODEL}`);
  });
});

describe("turned off again", () => {
  it("is removed in place, with its models; droplet, tailnet node and sessions are the same", async () => {
    await project.ask("remember blue", "kept");
    await set("hermes:ollama", "off");
    succeeded(await project.up());
    expect(await project.outputs<Outputs>()).toMatchObject({ droplet: { id: born.droplet.id }, tailnet: born.tailnet });
    const leftovers =
      "ls -d /opt/ollama /var/lib/ollama /etc/systemd/system/ollama.service* /etc/systemd/system/*.wants/ollama.service 2>/dev/null; pgrep -u 2103; getent passwd ollama; true";
    expect(await project.droplet(leftovers)).toBe("");
    expect(await project.ask("ping?", "kept")).toContain("PONG from google/gemma-4-31b-it:free");
    expect(JSON.stringify((await project.modelCalls()).at(-1)?.messages)).toContain("remember blue");
  });
});
