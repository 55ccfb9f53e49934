import { configBundle, textFile } from "../../gateway/bundle";
import { gatewayFiles } from "../../gateway/files";
import { OPENCLAW_CONFIG } from "../../gateway/paths";
import { shippedCatalogue } from "../../planner";
import { shippedList } from "../../planner/openrouter/list";
import { policySettings, RULES, UNKNOWN, violations } from "../../policy";
import { violationText } from "../../policy/text";
import { hermesConfig } from "../fixtures/gateway-config";
import {
  broken,
  droplet,
  firewall,
  REMOTE_COMMAND,
  resource,
  said,
  SETTINGS,
  TAILNET_KEY,
  VOLUME,
} from "../fixtures/policy";

describe("tailnet-key", () => {
  const key = (change: object = {}) =>
    resource(TAILNET_KEY, { reusable: false, expiry: 3600, tags: ["tag:hermes"], ...change });

  it("lets a key through that works once, for an hour, with a tag", () => {
    expect(broken([key()])).toEqual([]);
    expect(broken([key({ reusable: undefined, expiry: "600" })])).toEqual([]);
    expect(broken([key({ reusable: UNKNOWN, expiry: UNKNOWN, tags: [UNKNOWN] })])).toEqual([]);
  });

  it.each([
    { reusable: true },
    { reusable: "true" },
    { reusable: null },
    { expiry: 3601 },
    { expiry: "7776000" },
    { expiry: undefined },
    { expiry: "an hour" },
    { tags: [] },
    { tags: undefined },
    { tags: ["hermes"] },
    { tags: ["tag:hermes", "tag:"] },
  ])("refuses %j", (change) => {
    expect(broken([key(change)])).toEqual(["tailnet-key"]);
  });
});

describe("protected-volume", () => {
  const volume = resource(VOLUME, { size: 10 });

  it("refuses a volume without protection, but in a sandbox", () => {
    expect(broken([volume])).toEqual(["protected-volume"]);
    expect(broken([{ ...volume, protect: true }])).toEqual([]);
    expect(broken([volume], { sandbox: true })).toEqual([]);
  });
});

type Json = { [key: string]: unknown };

/** The command that stages the configuration of hermes, with its openclaw.json changed. */
function staged(change: (config: Json) => unknown = (config) => config, as: "text" | "base64" = "text") {
  const files = gatewayFiles(hermesConfig);
  const file = files[OPENCLAW_CONFIG];
  if (file === undefined || !("text" in file)) throw new Error("no openclaw.json");
  const config = JSON.parse(file.text.join("\n")) as Json;
  const changed = `${JSON.stringify(change(config))}\n`;
  const meta = { mode: file.mode, owner: file.owner };
  const fresh = as === "text" ? textFile(changed, meta) : { ...meta, base64: Buffer.from(changed).toString("base64") };
  const bundle = configBundle({ config: hermesConfig, files: { ...files, [OPENCLAW_CONFIG]: fresh }, workspaces: {} });
  return resource(REMOTE_COMMAND, { create: "hermes-apply stage config", stdin: bundle }, "hermes-config");
}
const also = (part: Json) => staged((config) => ({ ...config, ...part }));
const mapOf = (value: unknown): Json => value as Json;

describe("the rules on openclaw.json", () => {
  it("let that of hermes through, as text and as base64", () => {
    expect(broken([staged()])).toEqual([]);
    expect(broken([staged((config) => config, "base64")])).toEqual([]);
  });

  it.each([["lan"], ["0.0.0.0"], ["tailnet"], ["auto"], [undefined], [null], [["loopback"]], ["LOOPBACK"]])(
    "refuse a gateway that binds %p",
    (bind) => {
      expect(broken([also({ gateway: { bind } })])).toEqual(["gateway-loopback"]);
    },
  );

  it.each(["serve", "funnel"])("refuse a gateway that Tailscale offers by %s", (mode) => {
    expect(broken([also({ gateway: { bind: "loopback", tailscale: { mode } } })])).toEqual(["gateway-loopback"]);
  });

  it.each([[true], ["false"], [undefined], [1]])("refuse browser automation: enabled %p", (enabled) => {
    expect(broken([also({ browser: { enabled } })])).toEqual(["browser-off"]);
  });

  it("refuse a missing gateway and browser", () => {
    expect(broken([staged(() => ({}))])).toEqual(["gateway-loopback", "browser-off"]);
  });

  it("refuse an openclaw.json that nobody can read, and one that is not there", () => {
    expect(broken([staged(() => "text")])).toEqual(["gateway-loopback"]);
    const command = (stdin: unknown) => resource(REMOTE_COMMAND, { create: "hermes-apply stage config", stdin });
    expect(broken([command("{")])).toEqual(["gateway-loopback"]);
    expect(broken([command('{"files": {}}')])).toEqual(["gateway-loopback"]);
    expect(broken([command(undefined)])).toEqual(["gateway-loopback"]);
  });

  it("say nothing of other commands, and of what is not known yet", () => {
    expect(broken([resource(REMOTE_COMMAND, { create: "hermes-apply stage secrets", stdin: "{" })])).toEqual([]);
    expect(broken([resource(REMOTE_COMMAND, { create: "hermes-apply stage config", stdin: UNKNOWN })])).toEqual([]);
  });
});

describe("no-paid-model", () => {
  const primary = (model: unknown) =>
    staged((config) => ({ ...config, agents: { ...mapOf(config["agents"]), defaults: { model } } }));

  it.each([
    ["openrouter/openai/gpt-oss-20b"],
    ["openrouter/anthropic/claude-sonnet-5"],
    ["anthropic/claude-sonnet-5"],
    ["openrouter/openrouter/auto"],
    ["openrouter/nobody/knows-it"],
    ["openrouter/google/gemma-4-31b-it:nitro"],
  ])("refuses %s as the chain's first or any other, unless paid ones are allowed", (model) => {
    for (const place of [model, { primary: model }, { primary: "ollama/qwen3.5:9b", fallbacks: [model] }]) {
      expect(broken([primary(place)])).toEqual(["no-paid-model"]);
      expect(broken([primary(place)], { allowPaidModels: true })).toEqual([]);
    }
  });

  it("refuses it as an agent's own, and in a provider's rows", () => {
    const model = "openrouter/openai/gpt-oss-20b";
    const agents = (config: Json) => ({ ...mapOf(config["agents"]), entries: { main: { model: { primary: model } } } });
    expect(broken([staged((config) => ({ ...config, agents: agents(config) }))])).toEqual(["no-paid-model"]);
    const rows = { providers: { openrouter: { models: [{ id: "openai/gpt-oss-20b" }] } } };
    expect(broken([also({ models: rows })])).toEqual(["no-paid-model"]);
  });

  it.each(["openrouter/openrouter/free", "openrouter/free", "ollama/qwen3.5:9b", "openrouter/new/model:free"])(
    "lets %s through",
    (model) => {
      expect(broken([primary(model)])).toEqual([]);
    },
  );

  it("goes by the configuration's own words on what no list has", () => {
    const known = { catalogue: shippedCatalogue(), sandbox: false, secrets: {} };
    const unlisted = (allowUnknown: boolean, source: "live" | "shipped") => {
      const models = { ...hermesConfig.models, allowUnknown };
      const settings = policySettings({ models, policy: {} }, { ...known, models: { ...shippedList(), source } });
      return broken([primary("openrouter/nobody/knows-it")], settings);
    };
    expect(unlisted(false, "live")).toEqual(["no-paid-model"]);
    expect(unlisted(true, "live")).toEqual([]);
    expect(unlisted(false, "shipped")).toEqual([]);
  });
});

describe("monthly-budget", () => {
  const stack = [firewall(), droplet(), { ...resource(VOLUME, { size: 10 }), protect: true }];

  it("refuses a stack that costs more than it may, to the cent", () => {
    expect(broken(stack, { maxMonthlyUsd: 13 })).toEqual([]);
    expect(broken(stack, { maxMonthlyUsd: 12.99 })).toEqual(["monthly-budget"]);
    expect(broken(stack)).toEqual([]);
  });

  it("says what costs what, and where the prices are from", () => {
    expect(said(stack, { maxMonthlyUsd: 5 })).toEqual([
      expect.stringMatching(
        /^it costs at least \$13\.00 a month \(droplet s-1vcpu-2gb \$12\.00, volume 10 GiB \$1\.00; prices shipped, .*\), and may cost \$5\.00\. ./,
      ),
    ]);
  });

  it("refuses what nobody has a price of, where there is a limit", () => {
    const cluster = resource("digitalocean:index/databaseCluster:DatabaseCluster", {});
    expect(broken([cluster], { maxMonthlyUsd: 1000 })).toEqual(["monthly-budget"]);
    expect(broken([firewall(), droplet({ size: "s-9vcpu-9gb" })], { maxMonthlyUsd: 1000 })).toEqual(["monthly-budget"]);
    expect(broken([cluster])).toEqual([]);
  });
});

describe("a violation", () => {
  it("is one line for people: which resource, what is wrong, what to do, which rule", () => {
    const found = violations([firewall(), droplet({ tags: ["hermes\u001b[2J"] })], SETTINGS);
    expect(found.map(violationText)).toEqual([
      "Droplet hermes: its tags lack hermes. Add hermes to its tags. (policy tagged-droplet)",
      expect.stringMatching(/^Droplet hermes: no firewall .* \(hermes \[2J\)\. Put .*\. \(policy firewall-first\)$/),
    ]);
  });

  it("is short, whatever it is about", () => {
    const sources = Array.from({ length: 1000 }, (_, i) => `198.51.${i % 256}.7/32`);
    const [message = ""] = said([firewall({ protocol: "tcp", portRange: "all", sourceAddresses: sources })]);
    expect(message).toMatch(/^inboundRules\[0\] opens tcp all to 198.*…\. Take it out/);
    expect(message.length).toBeLessThan(800);
  });

  it("is of a rule with a name of its own, which says what it wants", () => {
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
    for (const { name, says } of RULES) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(says).toMatch(/^[A-Z0-9].*\.$/);
    }
  });
});
