import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrapId } from "../../components/bootstrap-id";
import { checkConfig, planInput } from "../../config";
import { KEY_NAMES } from "../../config/keys";
import { Reader } from "../../config/reader";
import { KNOWN_SECRETS } from "../../config/types";
import { configBundle, localModelTrigger } from "../../gateway/bundle";
import { gatewayFiles, unitMemory } from "../../gateway/files";
import { backupSecretNames, gatewaySecretNames } from "../../gateway/secret-names";
import { readWorkspaces } from "../../gateway/workspace";
import { EFFECTS, effectsTable } from "../../operations/preflight/effects";
import { plan, shippedCatalogue } from "../../planner";
import { withTables } from "../../planner/markdown";
import { BASE, BASE_SECRETS, EDITS, merged, ON_MOCKS, type Values } from "../fixtures/edits";
import { context, hermesStack, PROJECT, secrets } from "./config-fixture";

const PAGE = join(__dirname, "../../docs/changes.md");

/**
 * Every key that the reader of the configuration asks for below a top-level one, as `tailnet.hostname`; of a map by name,
 * as `agents.*.model`. Two levels, or three where the second is a name.
 */
function lowerKeys(): string[] {
  const asked = jest.spyOn(Reader.prototype, "map");
  checkConfig(
    {
      ...hermesStack(),
      telegram: { ownerId: "123456789" },
      mcpServers: { name: { command: "mcp" } },
    },
    context(),
  );
  const paths = asked.mock.calls.flatMap(([key, , names = []]) => names.map((name) => `${key}.${name}`));
  asked.mockRestore();
  const general = paths.map((path) => path.replace(/^hermes:/, "").replace(/^(agents|mcpServers)\.\w+/, "$1.*"));
  return [...new Set(general)].filter((path) => path.split(".").length <= (path.includes("*") ? 3 : 2));
}

describe("what an edit does", () => {
  it("is said for every key of the schema", () => {
    expect([...new Set(EFFECTS.map(({ key }) => key))]).toEqual(KEY_NAMES);
  });

  it("is said for what stands below a key too", () => {
    expect(lowerKeys().length).toBeGreaterThan(25);
    expect(lowerKeys().filter((path) => !EFFECTS.some(({ edit }) => edit.includes(`\`${path}\``)))).toEqual([]);
  });

  it("is said for every secret that hermes knows", () => {
    const named = EFFECTS.flatMap(({ edit }) => /^`secrets\.(\w+)`/.exec(edit)?.[1] ?? []);
    expect(named.sort()).toEqual([...KNOWN_SECRETS].sort());
  });

  it("names each edit once", () => {
    const edits = EFFECTS.map(({ edit }) => edit);
    expect(new Set(edits).size).toBe(edits.length);
  });

  it("makes no new droplet but by a birth, and nothing on the droplet without a step", () => {
    for (const { edit, steps, droplet } of EFFECTS) {
      expect([edit, steps.includes("replace Droplet")]).toEqual([edit, droplet === "new droplet"]);
      if (steps.length === 0) expect([edit, droplet]).toEqual([edit, expect.stringMatching(/nothing|refused/)]);
    }
  });

  it("stands in docs/changes.md (UPDATE_DOCS=1 writes it)", () => {
    const page = readFileSync(PAGE, "utf8");
    const current = withTables(page, { effects: effectsTable() });
    if (process.env["UPDATE_DOCS"]) writeFileSync(PAGE, current);
    else expect(page).toBe(current);
  });
});

/** What of a configuration goes into the resources. */
function made(change: Values = {}) {
  const namespaced = Object.fromEntries(Object.entries(hermesStack()).map(([key, value]) => [`hermes:${key}`, value]));
  const all = merged(merged(namespaced, BASE), change) as Values;
  const raw = Object.fromEntries(Object.entries(all).map(([key, value]) => [key.replace(/^hermes:/, ""), value]));
  const { config } = checkConfig(raw, context({ secrets: { ...secrets, ...BASE_SECRETS } }));
  const { limits, local } = plan(planInput(config), shippedCatalogue());
  const files = gatewayFiles(config, unitMemory(limits), local.install);
  return {
    birth: bootstrapId(config),
    bundle: configBundle({ config, files, workspaces: readWorkspaces(PROJECT, config), local: local.install }),
    secrets: [...gatewaySecretNames(config), ...backupSecretNames(config)].sort().join(),
    local: localModelTrigger(config, local.install),
  };
}

describe("each edit of the table, alone", () => {
  it("is known how to make", () => {
    expect([...Object.keys(EDITS), ...ON_MOCKS].sort()).toEqual(EFFECTS.map(({ edit }) => edit).sort());
  });

  const base = made();
  // Of the others the deploy keys go into authorized_keys, see components.test.ts.
  const plain = EFFECTS.filter(({ edit, droplet }) => EDITS[edit]?.values !== undefined && droplet !== "refused");
  it.each(plain.filter(({ edit }) => !/where one fits|without a volume|from 0|smaller/.test(edit)))(
    "$edit changes what its steps bring, and nothing else",
    ({ edit, steps, droplet }) => {
      const now = made(EDITS[edit]?.values);
      const born = steps.includes("replace Droplet");
      expect({ edit, birth: now.birth !== base.birth }).toEqual({ edit, birth: born });
      if (!born)
        expect({ edit, config: now.bundle !== base.bundle }).toEqual({ edit, config: steps.includes("update config") });
      expect({ edit, secrets: now.secrets !== base.secrets }).toEqual({
        edit,
        secrets: steps.includes("update secrets"),
      });
      expect(droplet === "new droplet").toBe(born);
      expect(now.local).toBe(base.local);
    },
  );

  it.each(EFFECTS.filter(({ steps }) => steps.join() === "update secrets,update activate"))(
    "$edit is of a secret that goes to the droplet",
    ({ edit }) => {
      const names = Object.keys(EDITS[edit]?.secrets ?? {});
      expect(names).toHaveLength(1);
      for (const name of names) expect(base.secrets.split(",")).toContain(name);
    },
  );
});
