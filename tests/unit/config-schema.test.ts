import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { DEFAULTS, KEY_NAMES, KEYS } from "../../config/keys";
import { PROJECT } from "./config-fixture";

interface Schema {
  config: Record<string, { description: string; default?: unknown }>;
}

const { config } = load(readFileSync(join(PROJECT, "Pulumi.yaml"), "utf8")) as Schema;
const documentation = readFileSync(join(PROJECT, "docs/configuration.md"), "utf8");
const stack = readFileSync(join(PROJECT, "Pulumi.hermes.yaml"), "utf8");

const EMPTY: Record<string, unknown> = { string: "", array: [], object: {} };

describe("Pulumi.yaml", () => {
  it("has the keys that the rules know, in their order", () => {
    expect(Object.keys(config).map((key) => key.replace(/^hermes:/, ""))).toEqual(Object.keys(KEYS));
  });

  it("describes each key, and has the rules' defaults", () => {
    for (const [name, type] of Object.entries(KEYS)) {
      const { description, default: given } = config[`hermes:${name}`] ?? { description: "" };
      expect(description.length).toBeGreaterThan(20);
      const fallback = (DEFAULTS as Record<string, unknown>)[name] ?? EMPTY[type];
      expect([name, given]).toEqual([name, fallback]);
    }
  });

  it("leaves types and what is required to the rules, which tell all faults at once", () => {
    for (const entry of Object.values(config)) expect(Object.keys(entry).sort()).toEqual(["default", "description"]);
  });
});

describe("docs/configuration.md", () => {
  const headings = [...documentation.matchAll(/^### `([^`]+)`$/gm)].map(([, key]) => key);

  it("has a section for every key, in the order of the schema, and for no other", () => {
    expect(headings).toEqual(Object.keys(KEYS));
  });

  it("says of each key its type, its default and what an edit does", () => {
    for (const key of KEY_NAMES) {
      const [, rest = ""] = documentation.split(`### \`${key}\`\n`);
      const section = rest.split(/^##/m)[0] ?? "";
      const type = KEYS[key];
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
