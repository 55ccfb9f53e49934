import { asRoot, expectSuccess } from "../support/engine";
import { editStackFile } from "../support/stack-file";
import { startWorld, type World } from "../torture/world";
import { DIGITALOCEAN_TOKEN } from "./harness";

jest.setTimeout(600_000);

const [A, B] = ["123456789", "987654321"];
const tagOf = (bot: string): string => `hermes-telegram-bot:${bot}`;

asRoot("a stack's Telegram bot", () => {
  let world: World;
  const cloud = () => world.bench.digitalocean;

  const call = async (method: string, path: string, body?: object): Promise<void> => {
    const headers = { authorization: `Bearer ${DIGITALOCEAN_TOKEN}`, "content-type": "application/json" };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    expect((await fetch(cloud().url + path, init)).ok).toBe(true);
  };

  /** Another bot for the stack, or none. */
  const change = (bot: string | undefined): void => {
    const telegram = bot === undefined ? undefined : { ownerId: "123456789" };
    const main = { workspace: "./workspace/main", bindings: bot === undefined ? [] : [{ channel: "telegram" }] };
    const secrets = bot === undefined ? {} : { telegramBotToken: `${bot}:AAE-engine-test-token-of-thirty-five` };
    editStackFile(world.bench.configFile, { "hermes:telegram": telegram, "hermes:agents": { main } }, secrets);
  };
  const up = () => world.pulumi(["up", "--yes", "--skip-preview"]);
  const polls = async (bot: string | undefined): Promise<void> => {
    change(bot);
    expectSuccess(await up());
  };

  const botsOf = (droplet: string): string[] => {
    const found = Object.values(cloud().state.droplets).find(({ name }) => name === droplet);
    return (found?.tags ?? []).filter((tag) => tag.startsWith("hermes-telegram-bot:"));
  };

  beforeAll(async () => {
    world = await startWorld("bare", { keepProviders: true });
    await polls(A);
    const other = { name: "elsewhere", region: "nyc3", size: "s-1vcpu-2gb", image: "debian-13-x64" };
    await call("POST", "/v2/droplets", { ...other, tags: [tagOf(A)] });
  });
  afterAll(() => world.stop());

  it("can be B, A again after a run that failed halfway, and none; another droplet with A keeps its tag", async () => {
    cloud().faults.push({ method: "POST", path: `^/v2/tags/.*${B}/resources$`, status: 422, body: {}, times: 1 });
    change(B);
    expect((await up()).code).not.toBe(0);
    for (const bot of [A, B, A, undefined]) {
      await polls(bot);
      expect(botsOf("hermes")).toEqual(bot === undefined ? [] : [tagOf(bot)]);
      expect(botsOf("elsewhere")).toEqual([tagOf(A)]);
    }
  });

  it("can be given up when somebody has deleted its tag", async () => {
    await polls(B);
    await call("DELETE", `/v2/tags/${tagOf(B)}`);
    await polls(undefined);
    expect(botsOf("hermes")).toEqual([]);
  });
});
