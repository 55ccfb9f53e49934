import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { memoryTables, withTables } from "../../planner/markdown";
import { MEASURED } from "../../planner";

const PAGE = join(__dirname, "../../docs/memory.md");

describe("docs/memory.md", () => {
  it("shows what the planner does now (UPDATE_DOCS=1 writes it)", () => {
    const page = readFileSync(PAGE, "utf8");
    const current = withTables(page, memoryTables());
    if (process.env["UPDATE_DOCS"]) writeFileSync(PAGE, current);
    else expect(page).toBe(current);
  });

  it("changes with the constants", () => {
    const page = readFileSync(PAGE, "utf8");
    const other = withTables(page, memoryTables({ ...MEASURED, gatewayMiB: MEASURED.gatewayMiB + 1 }));
    expect(other).not.toBe(page);
    expect(() => withTables(page, { unknown: "" })).toThrow("no place for the table unknown");
  });
});
