import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { BindingConfig, HermesConfig } from "../../config/types";
import { renderOpenclawConfig } from "../../gateway/openclaw-config";
import { gatewaySecretNames, providerName } from "../../gateway/secret-names";
import { hermesConfig } from "../fixtures/gateway-config";

const render = (change: Partial<HermesConfig> = {}) => {
  const config = { ...hermesConfig, ...change };
  return renderOpenclawConfig(config, gatewaySecretNames(config));
};

const anyModel = fc.stringMatching(/^openrouter\/[a-z]{1,8}\/[a-z0-9.-]{1,12}(:free)?$/);
const anyConfig = fc.record({
  stack: fc.stringMatching(/^[a-z]{1,10}$/),
  access: fc.constantFrom<HermesConfig["access"]>(
    { mode: "tailnet" },
    { mode: "ssh", adminCidrs: ["198.51.100.7/32"] },
  ),
  models: fc.record({
    primary: anyModel,
    fallbacks: fc.array(anyModel, { maxLength: 3 }),
    allowUnknown: fc.boolean(),
    allowPaid: fc.boolean(),
  }),
  agents: fc.dictionary(
    fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
    fc.record({
      workspace: fc.constant("workspace/main"),
      model: anyModel,
      bindings: fc.constant<BindingConfig[]>([]),
    }),
    { minKeys: 1, maxKeys: 3 },
  ),
});

describe("openclaw.json", () => {
  it("binds the gateway to loopback with a token whatever the configuration says", () => {
    fc.assert(
      fc.property(anyConfig, (change) => {
        const { gateway } = render(change);
        expect(gateway).toMatchObject({
          bind: "loopback",
          port: 18789,
          auth: { mode: "token", allowTailscale: false },
        });
        expect(gateway.tailscale.mode).toBe("off");
      }),
    );
  });

  it("runs every agent's commands in the other account, and nothing elevated", () => {
    fc.assert(
      fc.property(anyConfig, (change) => {
        const { agents, tools } = render(change);
        expect(agents.defaults.sandbox).toMatchObject({ mode: "all", backend: "ssh", workspaceAccess: "rw" });
        expect(tools.exec).toEqual({ host: "sandbox", mode: "full" });
        expect(tools.elevated.enabled).toBe(false);
        for (const entry of Object.values(agents.entries)) expect(entry).not.toHaveProperty("sandbox");
      }),
    );
  });

  it("describes every model of the chain once, and follows an agent's own model by the whole chain", () => {
    fc.assert(
      fc.property(anyConfig, (change) => {
        const { agents, models } = render(change);
        const rows = (models.providers as { openrouter: { models: { id: string }[] } }).openrouter.models.map(
          (row) => row.id,
        );
        expect(new Set(rows).size).toBe(rows.length);
        for (const entry of Object.values(agents.entries) as { model?: { primary: string; fallbacks: string[] } }[]) {
          const chain = [entry.model?.primary, ...(entry.model?.fallbacks ?? [])];
          expect(chain).toEqual(expect.arrayContaining([change.models.primary, ...change.models.fallbacks]));
          for (const model of chain) expect(rows).toContain(model?.replace("openrouter/", ""));
        }
      }),
    );
  });

  it("reads like this for the hermes stack", () => {
    expect(render()).toMatchSnapshot();
  });

  it("has no Telegram without an owner", () => {
    const rest = { ...hermesConfig };
    delete rest.telegram;
    const rendered = renderOpenclawConfig(rest, gatewaySecretNames(rest));
    expect(rendered.channels).toEqual({});
    expect(rendered.bindings).toEqual([]);
    expect(rendered.plugins.allow).not.toContain("telegram");
    expect(gatewaySecretNames(rest)).not.toContain("telegramBotToken");
  });

  it("gives what no binding takes to the first agent", () => {
    const agents = { main: { workspace: "w", bindings: [] }, other: { workspace: "w", bindings: [] } };
    expect(render({ agents }).bindings).toEqual([
      { agentId: "main", match: { channel: "telegram", accountId: "default" } },
    ]);
  });

  it("puts bindings with a peer before those without", () => {
    const peer = { kind: "direct" as const, id: "5" };
    const agents = {
      main: { workspace: "w", bindings: [{ channel: "telegram" as const }] },
      other: { workspace: "w", bindings: [{ channel: "telegram" as const, peer }] },
    };
    expect(render({ agents }).bindings.map((binding) => binding.agentId)).toEqual(["other", "main"]);
  });

  it("lets the bot hear the groups that agents are bound to, where it is mentioned, and no other", () => {
    const peer = (kind: "direct" | "group", id: string) => ({ channel: "telegram" as const, peer: { kind, id } });
    const agents = {
      main: { workspace: "w", bindings: [{ channel: "telegram" as const }, peer("group", "-1001")] },
      other: { workspace: "w", bindings: [peer("direct", "5"), peer("group", "-1002")] },
    };
    expect(render({ agents }).channels.telegram).toMatchObject({
      groupPolicy: "allowlist",
      groups: { "-1001": { requireMention: true }, "-1002": { requireMention: true } },
      contextVisibility: "allowlist",
    });
  });

  it("takes dollar signs of MCP servers as they are, and secrets only by reference", () => {
    const mcpServers = {
      local: { command: "run", args: ["${HOME}"], env: { A: "${B}", TOKEN: { secret: "toolKey" } } },
      remote: { url: "https://mcp.example/x", headers: { Authorization: { secret: "remoteKey" } } },
    };
    expect(render({ mcpServers }).mcp.servers).toEqual({
      local: {
        command: "/usr/local/lib/hermes/with-secrets.sh",
        args: ["TOKEN=/etc/openclaw/secrets/toolKey", "--", "run", "$${HOME}"],
        env: { A: "$${B}" },
      },
      remote: {
        url: "https://mcp.example/x",
        transport: "streamable-http",
        headers: { Authorization: expect.stringMatching(/^\$\{HERMES_SECRET_REMOTEKEY_[0-9A-F]{8}\}$/) },
      },
    });
  });

  it("names no provider for keys of SSH", () => {
    expect(JSON.stringify(render())).not.toMatch(/deployKey|hostKey/);
  });

  it("gives every secret a provider name of its own that OpenClaw takes", () => {
    const anyName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);
    fc.assert(
      fc.property(anyName, anyName, (a, b) => {
        expect(providerName(a)).toMatch(/^[a-z][a-z0-9_-]{0,63}$/);
        if (a !== b) expect(providerName(a)).not.toBe(providerName(b));
      }),
    );
  });

  it("refuses a reference to a secret that is not there", () => {
    expect(() => renderOpenclawConfig(hermesConfig, [])).toThrow("hermes:secrets.gatewayToken is needed");
  });

  const openclaw = process.env["HERMES_OPENCLAW_BIN"];
  (openclaw ? it : it.skip)(
    `is valid for a real OpenClaw${openclaw ? "" : " (skipped: HERMES_OPENCLAW_BIN is not set)"}`,
    () => {
      const folder = mkdtempSync(join(tmpdir(), "hermes-openclaw-"));
      try {
        writeFileSync(join(folder, "openclaw.json"), JSON.stringify(render()));
        const env = { ...process.env, OPENCLAW_STATE_DIR: folder, OPENCLAW_CONFIG_PATH: join(folder, "openclaw.json") };
        const result = spawnSync(openclaw ?? "", ["config", "validate", "--json"], { env, encoding: "utf8" });
        expect(result.stdout + result.stderr).toContain('"valid":true');
        expect(result.status).toBe(0);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    60_000,
  );
});
