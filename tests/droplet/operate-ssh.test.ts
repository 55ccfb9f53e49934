import { ADDRESSES } from "../../localcloud/addresses";
import { ownLab } from "../support/labs";
import { operate, OPERATIONS, tunnels } from "../support/operations";
import { secretsIn, stackSecrets } from "../support/secrets";

const OWNER = 555_001;
const STRANGER = 555_002;
const project = ownLab("stand-in");

beforeAll(async () => {
  const file = project.read("Pulumi.hermes.yaml");
  const changed = file
    .replace("hermes:access: tailnet", `hermes:access: ssh\n  hermes:adminCidrs: [${ADDRESSES.operator.peer4}/32]`)
    .replace("workspace: ./workspace/main", "workspace: ./workspace/main\n      bindings: [{ channel: telegram }]")
    .concat(`  hermes:telegram:\n    ownerId: "${OWNER}"\n`);
  project.write("Pulumi.hermes.yaml", changed);
  await project.start();
});

describe("a stack with SSH as the way in is operated by", () => {
  it.each(OPERATIONS)("hermes $args", (operation) => operate(project, operation));

  it("hermes tunnel, which carries a request to the gateway", () => tunnels(project));
});

it("a change of its ranges that would lock this machine out is refused at preview, with the address to add", async () => {
  const file = project.read("Pulumi.hermes.yaml");
  project.write("Pulumi.hermes.yaml", file.replace(`${ADDRESSES.operator.peer4}/32`, "203.0.113.9/32"));
  const preview = await project.pulumi("preview");
  project.write("Pulumi.hermes.yaml", file);
  expect(preview.code).not.toBe(0);
  const said = preview.stdout + preview.stderr;
  expect(said).toMatch(/hermes:adminCidrs is 203\.0\.113\.9\/32: it does not contain/);
  expect(said).toContain(`Add ${ADDRESSES.operator.peer4}/32`);
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

  it("is answered at once if he is the owner", async () => {
    const { parameters } = await reply(".", await write("ping", OWNER));
    expect({ to: String(parameters.chat_id), text: parameters.text }).toEqual({
      to: String(OWNER),
      text: expect.stringContaining("PONG") as string,
    });
  });

  it("gets a code, waits in the list, and is answered once he is approved; the owner stays the stack's", async () => {
    const before = await config();
    const told = await reply("[A-Z0-9]{8}", await write("hello", STRANGER));
    const listed = await project.onStack("pair", "list", "--json");
    const [request] = (JSON.parse(listed.stdout) as { requests: { code: string; id: string }[] }).requests;
    expect(request?.id).toBe(String(STRANGER));
    expect(told.parameters.text).toContain(request?.code);
    const approved = await project.onStack("pair", "approve", request?.code ?? "");
    expect({ code: approved.code, said: approved.stderr }).toMatchObject({ code: 0 });
    expect((await project.onStack("pair", "list")).stdout).toBe("nobody waits on telegram\n");
    expect(String((await reply("PONG", await write("ping", STRANGER))).parameters.chat_id)).toBe(String(STRANGER));
    expect(await config()).toBe(before);
    expect((await project.onStack("pair", "approve", request?.code ?? "")).code).toBe(1);
  });
});

it("no secret was printed by any of it", async () => {
  const secrets = await stackSecrets(project);
  // The search can see.
  expect(secretsIn(Object.values(secrets).join("\n"), secrets)).toEqual(Object.keys(secrets));
  expect(secretsIn(project.printed.join("\n"), secrets)).toEqual([]);
});
