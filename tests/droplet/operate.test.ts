import { ADDRESSES } from "../../localcloud/addresses";
import { hermes, operate, OPERATIONS, secretsIn, stackSecrets, tunnels } from "./operate";
import { projectOfFile } from "./project";

/** The longest step: a whole start. */
jest.setTimeout(900_000);

const OWNER = 555_001;
const STRANGER = 555_002;
const project = projectOfFile();

beforeAll(async () => {
  const file = project.read("Pulumi.hermes.yaml");
  const changed = file
    .replace("hermes:access: tailnet", `hermes:access: ssh\n  hermes:adminCidrs: [${ADDRESSES.operator.peer4}/32]`)
    .replace("workspace: ./workspace/main", "workspace: ./workspace/main\n      bindings: [{ channel: telegram }]")
    .concat(`  hermes:telegram:\n    ownerId: "${OWNER}"\n`);
  project.write("Pulumi.hermes.yaml", changed);
  const { code, stdout, stderr } = await project.run(["bash", "scripts/start.sh"]);
  expect({ code, tail: code === 0 ? "" : (stdout + stderr).slice(-3000) }).toEqual({ code: 0, tail: "" });
});

describe("a stack with SSH as the way in is operated by", () => {
  it.each(OPERATIONS)("hermes $args", (operation) => operate(project, operation));

  it("hermes tunnel, which carries a request to the gateway", () => tunnels(project));
});

describe("somebody who writes to the bot for the first time", () => {
  const config = (): Promise<string> => project.droplet("sha256sum /etc/openclaw/openclaw.json");
  const reply = (text: string, since: number): Promise<{ parameters: { chat_id?: unknown; text?: string } }> =>
    project.control("services/telegram/wait", { method: "sendMessage", text, since, timeoutMs: 180_000 });
  const write = async (text: string, from: number): Promise<number> => {
    const calls = await project.control<{ number: number }[]>("services/telegram/calls", {});
    await project.control("services/telegram/inject", { text, from });
    return calls.at(-1)?.number ?? 0;
  };

  it("gets a code, waits in the list, and is answered once he is approved; the owner stays the stack's", async () => {
    const before = await config();
    const told = await reply("[A-Z0-9]{8}", await write("hello", STRANGER));
    const listed = await hermes(project, "pair", "list", "--json");
    const [request] = (JSON.parse(listed.stdout) as { requests: { code: string; id: string }[] }).requests;
    expect(request?.id).toBe(String(STRANGER));
    expect(told.parameters.text).toContain(request?.code);
    const approved = await hermes(project, "pair", "approve", request?.code ?? "");
    expect({ code: approved.code, said: approved.stderr }).toMatchObject({ code: 0 });
    expect((await hermes(project, "pair", "list")).stdout).toBe("nobody waits on telegram\n");
    expect(String((await reply("PONG", await write("ping", STRANGER))).parameters.chat_id)).toBe(String(STRANGER));
    expect(await config()).toBe(before);
    expect((await hermes(project, "pair", "approve", request?.code ?? "")).code).toBe(1);
  });
});

it("no secret was printed by any of it", async () => {
  const secrets = await stackSecrets(project);
  // The search can see.
  expect(secretsIn(Object.values(secrets).join("\n"), secrets)).toEqual(Object.keys(secrets));
  expect(secretsIn(project.printed.join("\n"), secrets)).toEqual([]);
});
