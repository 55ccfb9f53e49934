import { driftProblem, fallbackWarning, judge, mcpLine, mcpWarning } from "../../gateway/status";

const said = (status: object, code = 0, stderr = "") => ({ code, stdout: `${JSON.stringify(status)}\n`, stderr });

describe("what a droplet's status means", () => {
  it("is well when the gateway is ready and nobody asked the agent", () => {
    expect(judge(said({ ok: true, ready: true }), { agentTurn: false }).problem).toBeUndefined();
  });

  it("is not well when the gateway is not ready, with the reason and the last log lines", () => {
    const { problem } = judge(said({ ok: false, ready: false, error: "unit failed" }, 3, "line 1\nline 2"), {
      agentTurn: false,
    });
    expect(problem).toBe("the gateway is not ready: unit failed\n  line 1\n  line 2");
  });

  it("is not well when the gateway is ready and cannot keep anything", () => {
    const lost = { ok: false, ready: true, error: "the disk is gone" };
    expect(judge(said(lost), { agentTurn: false }).problem).toBe("the gateway is ready, but the disk is gone");
  });

  it("is not well when the agent was asked and did not answer", () => {
    const turn = { ok: false, error: "HTTP 401" };
    expect(judge(said({ ok: true, ready: true, agentTurn: turn }), { agentTurn: true }).problem).toMatch(/HTTP 401/);
    expect(judge(said({ ok: true, ready: true }), { agentTurn: true }).problem).toMatch(/did not answer/);
  });

  it("is not well when nothing readable came back", () => {
    const result = { code: 127, stdout: "", stderr: "hermes-apply: not found" };
    expect(judge(result, { agentTurn: false }).problem).toMatch(/ended with 127.*\n.*not found/s);
  });
});

describe("files that were changed on the droplet", () => {
  const status = (...drift: string[]) => ({ ok: true, ready: true, drift });

  it("are named, with what is to be decided", () => {
    const said = driftProblem(status("/etc/openclaw/openclaw.json", "/etc/hermes/nftables.nft"));
    expect(said).toMatch(/changed on the droplet: \/etc\/openclaw\/openclaw\.json, \/etc\/hermes\/nftables\.nft/);
    expect(said).toContain("pulumi up --replace '**-activate'");
  });

  it("are no matter in a workspace, where agents write too", () => {
    expect(driftProblem(status("/var/lib/openclaw/workspaces/main/SOUL.md"))).toBeUndefined();
    expect(driftProblem({ ok: true, ready: true })).toBeUndefined();
  });
});

describe("a first model that did not answer", () => {
  const status = (failed: { model: string; reason: string }[], ok = true) => ({
    ...{ ok: true, ready: true },
    agentTurn: { ok, model: "openrouter/c/d:free", failed },
  });

  it("is a warning that names it, why, and who answered", () => {
    const answered = status([{ model: "openrouter/a/b:free", reason: "429 Rate limit exceeded" }]);
    expect(fallbackWarning(answered)).toBe(
      "openrouter/c/d:free answered, because the models before it did not: openrouter/a/b:free (429 Rate limit exceeded).",
    );
    expect(judge(said(answered), { agentTurn: true }).problem).toBeUndefined();
  });

  it("is told with what to do where the account's privacy settings are the reason", () => {
    const reason =
      "404 No endpoints found matching your data policy. Configure: https://openrouter.ai/settings/privacy";
    expect(fallbackWarning(status([{ model: "openrouter/a/b:free", reason }]))).toMatch(/\n {2}The privacy settings/);
  });

  it("is no matter where it answered, nor where none did, which is a problem", () => {
    expect(fallbackWarning(status([]))).toBeUndefined();
    expect(fallbackWarning({ ok: true, ready: true })).toBeUndefined();
    expect(fallbackWarning(status([{ model: "a/b", reason: "x" }], false))).toBeUndefined();
  });
});

describe("MCP servers", () => {
  const files = {
    name: "files",
    kind: "command" as const,
    ok: true,
    toolCount: 2,
    tools: ["read", "write"],
    proven: true,
  };
  const docs = { name: "docs", kind: "url" as const, ok: false, error: "fetch failed", proven: false };
  const at = "2026-11-30T20:15:59.000Z";
  const status = (...servers: (typeof files | typeof docs)[]) => ({ ok: true, ready: true, mcp: { at, servers } });

  it("are a problem of `up`, which asks them, when one never answered as it is declared", () => {
    const asked = { agentTurn: false, mcp: true };
    expect(judge(said(status(files, docs)), asked).problem).toMatch(
      /^the gateway is ready, but the MCP server docs does not answer: fetch failed\.\n {2}Check that the server is up/,
    );
    expect(judge(said(status(files, { ...docs, proven: true })), asked).problem).toBeUndefined();
  });

  it("are none of status, which tells of the last probe", () => {
    expect(judge(said(status(files, docs)), { agentTurn: false }).problem).toBeUndefined();
    expect(mcpLine(status(files, docs))).toBe(
      "files: 2 tools (read, write); docs: no answer, fetch failed (asked 2026-11-30 20:15 UTC)",
    );
    expect(mcpLine({ ok: true, ready: true, mcp: { servers: [], unprobed: ["a", "b"] } })).toBe("not asked yet: a, b");
    expect(mcpLine({ ok: true, ready: true })).toBeUndefined();
  });

  it("are a warning when one did not answer, with what to do", () => {
    expect(mcpWarning(status(files, { ...docs, proven: true }))).toBe(
      "the MCP server docs: no answer, fetch failed.\n" +
        "  Check that the server is up, and that the URL and the headers of hermes:mcpServers.docs are right.\n" +
        "  ./hermes doctor asks again.",
    );
    expect(mcpWarning(status(files))).toBeUndefined();
    expect(mcpWarning({ ok: true, ready: true })).toBeUndefined();
  });
});
