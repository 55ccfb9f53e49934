import { driftProblem, judge } from "../../remote/gateway-status";

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
