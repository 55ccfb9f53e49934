import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withTables } from "../../planner/markdown";
import { RULES } from "../../policy";
import { rulesTable } from "../../policy/text";

const PAGE = join(__dirname, "../../docs/policy.md");

describe("docs/policy.md", () => {
  it("has the rules as they are (UPDATE_DOCS=1 writes them)", () => {
    const page = readFileSync(PAGE, "utf8");
    const current = withTables(page, { rules: rulesTable() });
    if (process.env["UPDATE_DOCS"]) writeFileSync(PAGE, current);
    else expect(page).toBe(current);
  });

  it("has what an organisation may set, for rules that there are", () => {
    const [, json = "{}"] = /```json\n([\s\S]*?)```/.exec(readFileSync(PAGE, "utf8")) ?? [];
    const names = RULES.map(({ name }) => name);
    for (const rule of Object.keys(JSON.parse(json) as object)) expect(names).toContain(rule);
  });
});
