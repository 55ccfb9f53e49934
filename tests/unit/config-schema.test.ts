import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { DEFAULTS, KEYS } from "../../config/keys";
import { PROJECT } from "./config-fixture";

interface Schema {
  config: Record<string, { type: string; description: string; default?: unknown; secret?: boolean }>;
}

const { config } = load(readFileSync(join(PROJECT, "Pulumi.yaml"), "utf8")) as Schema;
const documentation = readFileSync(join(PROJECT, "docs/configuration.md"), "utf8");
const stack = readFileSync(join(PROJECT, "Pulumi.hermes.yaml"), "utf8");

describe("Pulumi.yaml", () => {
  it("has the keys that the rules know, with their types, in their order", () => {
    const types = Object.entries(config).map(([key, { type }]) => [key.replace(/^hermes:/, ""), type]);
    expect(types).toEqual(Object.entries(KEYS));
  });

  it("describes each key, and has the rules' defaults", () => {
    for (const [key, entry] of Object.entries(config)) {
      expect(entry.description.length).toBeGreaterThan(20);
      const fallback = (DEFAULTS as Record<string, unknown>)[key.replace(/^hermes:/, "")];
      if (fallback !== undefined) expect([key, entry.default]).toEqual([key, fallback]);
      else if (entry.default !== undefined) expect(entry.default).toEqual(entry.type === "array" ? [] : {});
    }
  });

  it("requires only what has no sensible default", () => {
    const required = Object.keys(config).filter((key) => config[key]?.default === undefined);
    expect(required).toEqual(["hermes:region", "hermes:size", "hermes:openclaw", "hermes:models", "hermes:agents"]);
  });
});

describe("docs/configuration.md", () => {
  const headings = [...documentation.matchAll(/^### `([^`]+)`$/gm)].map(([, key]) => key);

  it("has a section for every key, in the order of the schema, and for no other", () => {
    expect(headings).toEqual(Object.keys(KEYS));
  });

  it("says of each key its type, its default and what an edit does", () => {
    for (const key of Object.keys(KEYS)) {
      const [, rest = ""] = documentation.split(`### \`${key}\`\n`);
      const section = rest.split(/^##/m)[0] ?? "";
      const type = config[`hermes:${key}`]?.type ?? "";
      expect([key, section]).toEqual([
        key,
        expect.stringMatching(new RegExp(`^${type}, (required|default .+)\\.$`, "im")),
      ]);
      expect([key, section]).toEqual([key, expect.stringMatching(/^\*\*Edited:\*\* ./m)]);
    }
  });

  it("names the rules' own defaults", () => {
    for (const value of [
      DEFAULTS.tailnetTag,
      DEFAULTS.nodeVersion,
      DEFAULTS.nodeUrl,
      ...Object.values(DEFAULTS.tailscale),
    ])
      expect(documentation).toContain(`\`${value}\``);
  });
});

describe("Pulumi.hermes.yaml", () => {
  it("has a comment above, or one level up of, every value", () => {
    const lines = stack.split("\n");
    const bare = lines.filter((line, i) => {
      if (!/^ {2}hermes:\w+: \S/.test(line)) return false;
      return !/^\s*#/.test(lines[i - 1] ?? "");
    });
    expect(bare).toEqual([]);
  });
});
