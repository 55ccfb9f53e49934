import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EFFECTS, effectsTable } from "../../changes/effects";
import { KEY_NAMES } from "../../config/keys";
import { withTables } from "../../planner/markdown";

const PAGE = join(__dirname, "../../docs/changes.md");

describe("what an edit does", () => {
  it("is said for every key of the schema", () => {
    expect([...new Set(EFFECTS.map(({ key }) => key))]).toEqual(KEY_NAMES);
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
