import { activate } from "../../gateway/apply/activate.ts";
import { doctor } from "../../gateway/apply/doctor.ts";
import { mcpFinding } from "../../gateway/apply/doctor-hermes.ts";
import { mcpFix, mcpProblem, mcpText, readProbe, type McpServer } from "../../gateway/apply/mcp.ts";
import { status } from "../../gateway/apply/status.ts";
import { stageBundles, TOKEN, type Content } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";

const DECLARED = { files: "command", docs: "url" } as const;
const FOUND = { launch: "node server.mjs", tools: 2, codexApprovalMode: "auto" };
const diagnostic = (serverName: string, message: string) => ({ serverName, launchSummary: "x", message });
const logged = (name: string, text: string) => JSON.stringify({ 0: `bundle-mcp:${name}: ${text}`, _meta: {} });

/** What OpenClaw prints where `files` answers and `docs` does not. */
const HALF = {
  generatedAt: "2026-11-30T20:00:00.000Z",
  servers: { files: FOUND },
  tools: ["files__read", "files__write"],
  diagnostics: [diagnostic("docs", "fetch failed | connect ECONNREFUSED 127.0.0.1:9")],
};
const BOTH = {
  ...HALF,
  servers: { files: FOUND, docs: { ...FOUND, tools: 1 } },
  tools: [...HALF.tools, "docs__search"],
  diagnostics: [],
};

describe("a probe of the MCP servers", () => {
  const read = (output: object, stderr = "") => readProbe(JSON.stringify(output), stderr, DECLARED);
  const broken = (lines: string[], message = "MCP error -32000: Connection closed") =>
    read({ ...HALF, servers: {}, diagnostics: [diagnostic("files", message)] }, lines.join("\n"))?.[0];

  it("lists the tools of those that answered, and why the others did not", () => {
    expect(read(HALF)).toEqual([
      { name: "files", kind: "command", ok: true, toolCount: 2, tools: ["read", "write"] },
      { name: "docs", kind: "url", ok: false, error: "fetch failed | connect ECONNREFUSED 127.0.0.1:9" },
    ]);
  });

  it("says that a program does not exist, by what sh and with-secrets.sh print", () => {
    expect(broken([logged("files", "mcp-files: 1: exec: mcp-files: not found")])?.error).toBe(
      "its program mcp-files does not exist on the droplet",
    );
    expect(broken([logged("files", "with-secrets.sh: line 16: exec: mcp-files: not found")])?.error).toBe(
      "its program mcp-files does not exist on the droplet",
    );
    expect(broken([logged("files", "with-secrets.sh: line 16: /srv/mcp: No such file or directory")])?.error).toBe(
      "its program /srv/mcp does not exist on the droplet",
    );
    expect(broken([logged("files", "/srv/mcp: 1: exec: /srv/mcp: Permission denied")])?.error).toBe(
      "the gateway's account may not run its program /srv/mcp",
    );
  });

  it("brings the last lines of a program that ended, and of no other", () => {
    const lines = Array.from({ length: 20 }, (_, i) => logged("files", `line ${i}`));
    const found = broken([...lines, logged("docs", "another's"), "no JSON", '{"message":"files"}']);
    expect(found?.error).toBe("its program ended before it answered");
    expect(found?.lines).toEqual(Array.from({ length: 8 }, (_, i) => `line ${i + 12}`));
  });

  it("shows the error of a JavaScript program, not the stack that follows it", () => {
    const stack = Array.from({ length: 9 }, (_, i) => logged("files", `at load${i} (node:internal/modules:${i})`));
    const found = broken([logged("files", "Error: Cannot find module 'x'"), ...stack, logged("files", "Node.js v24")]);
    expect(found?.lines).toEqual(["Error: Cannot find module 'x'", "Node.js v24"]);
  });

  it("bounds what servers print", () => {
    expect(broken([logged("files", "x".repeat(9000))])?.lines?.[0]).toHaveLength(300);
    expect(broken([], "y".repeat(9000))?.error).toHaveLength(500);
    const tools = Array.from({ length: 400 }, (_, i) => `files__tool${i}`);
    const many = read({ ...BOTH, servers: { files: { tools: 400 } }, tools })?.[0];
    expect(many?.tools).toHaveLength(50);
    expect(mcpText({ ...(many as McpServer), proven: true })).toMatch(/^files: 400 tools \(tool0, .*, tool7, …\)$/);
  });

  it.each(["MCP error -32000: Connection closed", "stdin is not writable", "write EPIPE"])(
    "says that a program ended, whether OpenClaw was reading or writing: %s",
    (message) => expect(broken([], message)?.error).toBe("its program ended before it answered"),
  );

  it("says that a server was too slow", () => {
    const message = 'MCP server "files" timed out: did not complete initialize within 30s | 23';
    expect(broken([], message)?.error).toBe(
      'it did not answer in time (MCP server "files" timed out: did not complete initialize within 30s)',
    );
  });

  it("fails every server for the reason for which OpenClaw probes none", () => {
    const error = { type: "cli_error", message: "OpenClaw config is invalid" };
    expect(read({ ok: false, error })?.map((server) => server.error)).toEqual([error.message, error.message]);
  });

  it("is not made up from something else", () => {
    expect(readProbe("Killed", "", DECLARED)).toBeUndefined();
    expect(readProbe("{}", "", DECLARED)).toBeUndefined();
  });
});

const dead: McpServer = {
  ...{ name: "files", kind: "command", ok: false, proven: false },
  ...{ error: "its program ended before it answered", lines: ["no vault", "giving up"] },
};

describe("a server that does not answer", () => {
  it("is a problem with its last lines and what to do, until it answered as it is declared", () => {
    expect(mcpProblem({ servers: [dead] })).toBe(
      "the MCP server files does not answer: its program ended before it answered.\n" +
        "  Its last lines:\n    no vault\n    giving up\n" +
        "  Check command, args and env of hermes:mcpServers.files; the program must exist on the droplet " +
        "or be fetched by npx or uvx, and runs in the gateway's account.",
    );
    expect(mcpProblem({ servers: [{ ...dead, proven: true }] })).toBeUndefined();
    expect(mcpProblem(undefined)).toBeUndefined();
  });

  it("fails the doctor, who lists the others too", () => {
    const fine: McpServer = { name: "docs", kind: "url", ok: true, toolCount: 1, tools: ["search"], proven: true };
    expect(mcpFinding({ servers: [dead, fine] })).toEqual({
      level: "fail",
      found:
        "files: no answer, its program ended before it answered; its last lines: no vault | giving up; " +
        "docs: 1 tool (search)",
      fix: mcpFix(dead),
    });
    expect(mcpFinding({ servers: [fine] })).toEqual({ level: "ok", found: "docs: 1 tool (search)" });
  });
});

describe("the servers on a droplet", () => {
  let machine: Machine;
  beforeEach(() => void (machine = new Machine()));
  afterEach(() => machine.remove());

  const SERVERS = {
    files: { command: "/usr/local/lib/hermes/with-secrets.sh", args: ["K=/etc/openclaw/secrets/filesKey", "--", "f"] },
    docs: { url: "https://docs.example/mcp", headers: { "X-Key": "${VARIABLE}" } },
  };
  const SECRETS = { gatewayToken: TOKEN, filesKey: "files-key-one", headerKey: "header-key-one" };

  const apply = (servers: object = SERVERS, secrets: Record<string, string> = SECRETS, content: Content = {}) =>
    activate(machine.host(), stageBundles(machine.host(), { ...content, openclaw: { mcp: { servers } }, secrets }));
  const answer = (output: object, stderr = "") =>
    void (machine.mcp = { code: 0, stdout: JSON.stringify(output), stderr });
  const look = (mcp = true) => status(machine.host(), { agentTurn: false, mcp });
  const probes = () => machine.calls.filter((call) => call.startsWith("mcp probe")).length;

  it("cost nothing where there are none", async () => {
    await apply({});
    expect(await look()).not.toHaveProperty("mcp");
    expect(probes()).toBe(0);
  });

  it("are asked as the gateway would, with the headers' secrets in no argument", async () => {
    await apply();
    answer(BOTH);
    const found = await look();
    expect(found.ok).toBe(true);
    expect(found.mcp?.servers.map(mcpText)).toEqual(["files: 2 tools (read, write)", "docs: 1 tool (search)"]);
    const line = machine.sandboxed.join(" ");
    expect(line).toContain("with-secrets.sh VARIABLE=/etc/openclaw/secrets/headerKey -- ");
    expect(line).toContain("--property=WorkingDirectory=/var/lib/openclaw");
    expect(line).not.toContain(SECRETS.headerKey);
  });

  it("are asked by `up` until each answered, and then only when one of them is declared anew", async () => {
    await apply();
    answer(HALF);
    expect(await look()).toMatchObject({ ok: false, ready: true });
    answer(BOTH);
    expect((await look()).ok).toBe(true);
    await apply(SERVERS, SECRETS, { workspace: { "SOUL.md": "another\n" } });
    await look();
    expect(probes()).toBe(2);
    await apply({ ...SERVERS, docs: { url: "https://other.example/mcp" } });
    await look();
    expect(probes()).toBe(3);
  });

  it("are asked twice where a program did not answer in time: npx may have fetched it meanwhile", async () => {
    await apply();
    const diagnostics = [{ serverName: "files", message: "MCP server connection timed out after 30000ms" }];
    answer({ ...HALF, diagnostics });
    expect((await look()).mcp?.servers[0]?.error).toMatch(/^it did not answer in time/);
    expect(probes()).toBe(2);
  });

  it.each(["filesKey", "headerKey"])("are asked anew when the secret %s of one of them is another", async (name) => {
    await apply();
    answer(BOTH);
    await look();
    await apply(SERVERS, { ...SECRETS, [name]: "another-one" });
    await look();
    expect(probes()).toBe(2);
  });

  it("fail no `up` when they are as they were when they answered, and are asked by each until they answer", async () => {
    await apply();
    answer(BOTH);
    await look();
    answer(HALF);
    const { checks } = await doctor(machine.host());
    expect(checks.find(({ name }) => name === "mcp servers")).toMatchObject({
      level: "fail",
      found: expect.stringContaining("docs: no answer, fetch failed"),
    });
    const found = await look();
    expect(found.ok).toBe(true);
    expect(found.mcp?.servers[1]).toMatchObject({ name: "docs", ok: false, proven: true });
    expect(probes()).toBe(3);
  });

  it("are told by status as they answered last, without asking", async () => {
    await apply();
    expect((await look(false)).mcp).toEqual({ servers: [], unprobed: ["files", "docs"] });
    answer(BOTH);
    await look();
    await apply({ ...SERVERS, docs: { url: "https://other.example/mcp" } });
    const { mcp } = await look(false);
    expect(mcp).toMatchObject({ at: expect.stringMatching(/^20/), unprobed: ["docs"] });
    expect(mcp?.servers.map(({ name }) => name)).toEqual(["files"]);
    expect(probes()).toBe(1);
  });

  it("show no secret and no control character in what they say", async () => {
    await apply();
    const stderr = logged("docs", "refused \u202eheader-key-one\u001b[2J");
    answer({ ...HALF, diagnostics: [diagnostic("docs", "no files-key-one")] }, stderr);
    const found = await look();
    expect(found.mcp?.servers[1]).toMatchObject({
      error: "no [secret filesKey]",
      lines: ["refused \\u{202e}[secret headerKey] [2J"],
    });
    expect(JSON.stringify(found) + machine.said.join("\n")).not.toMatch(/-key-one/);
  });

  it("show no part of a secret that stands where a text is cut", async () => {
    await apply();
    const long = (length: number) => `${"x".repeat(length)} header-key-one`;
    answer({ ...HALF, diagnostics: [diagnostic("docs", long(490))] }, logged("docs", long(290)));
    expect(JSON.stringify(await look())).not.toContain("header-k");
    machine.mcp = { code: 1, stdout: "", stderr: `header-key-one${"y".repeat(293)}` };
    expect(JSON.stringify(await look())).not.toContain("key-one");
  });

  it.each([
    { servers: {}, tools: [1, null], diagnostics: [null, 7, { serverName: "files", message: {} }] },
    { servers: [], error: { message: 5 } },
    { servers: { files: { tools: "\u001b[2J" } }, tools: "files__x", diagnostics: "none" },
    { servers: { files: null, docs: 1 }, tools: [`files__${"x".repeat(1_000_000)}`] },
  ])("may write what they like into the probe's output", async (output) => {
    await apply();
    answer(output);
    const found = await look();
    expect(found.mcp?.servers).toHaveLength(2);
    expect(JSON.stringify(found).length).toBeLessThan(5000);
    expect(JSON.stringify(found)).not.toContain("\\u001b");
  });

  it("did not answer where the probe itself said nothing", async () => {
    await apply();
    machine.mcp = { code: 1, stdout: "", stderr: '{"level":"error","message":"out of memory"}\n' };
    const { mcp } = await look();
    expect(mcp?.servers[0]?.error).toBe("OpenClaw's probe of all servers ended with 1 and no result: out of memory");
  });
});
