import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SECRET_SHAPES } from "../../gateway/apply/secret-shapes";
import { renderReport } from "../../operations/review";
import { CASES, FOLDER, goldenOf, inputOf } from "../fixtures/previews";

/** HERMES_RECORD=1 writes the golden reports anew; the previews are recorded by tests/engine/report.test.ts. */
const RECORD = process.env["HERMES_RECORD"] === "1";

const LEVELS: Record<string, string> = {
  "first-create": "safe",
  "region-without-volume": "loses-state",
  "no-op": "safe",
  soul: "safe",
  models: "safe",
  "secret-rotation": "restarts",
  size: "restarts",
  image: "replaces",
  "firewall-opening": "exposes",
  region: "error",
  error: "error",
  policy: "policy",
  destroy: "replaces",
  "destroy-protected": "error",
  drift: "exposes",
};

describe("the report of a recorded preview", () => {
  it.each(CASES)("reads like its golden file: $name", (one) => {
    const { markdown, verdict } = renderReport(inputOf(one));
    if (RECORD) writeFileSync(goldenOf(one), markdown);
    expect(markdown).toBe(readFileSync(goldenOf(one), "utf8"));
    expect(verdict.level).toBe(LEVELS[one.name]);
    expect(markdown).toContain(`> ${verdict.line}\n`);
  });

  it("is in docs/review.md as it is", () => {
    const page = readFileSync(join(__dirname, "../../docs/review.md"), "utf8");
    const [golden] = CASES.filter(({ name }) => name === "size").map(goldenOf);
    const written = /<!-- prettier-ignore-start -->\n\n(.*)\n<!-- prettier-ignore-end -->/s;
    const text = readFileSync(golden ?? "", "utf8");
    if (RECORD)
      writeFileSync(
        join(__dirname, "../../docs/review.md"),
        page.replace(written, (all, old: string) => all.replace(old, () => text)),
      );
    else expect(written.exec(page)?.[1]).toBe(text);
  });

  it("has nothing in its recording that looks like a key", () => {
    for (const file of readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.includes("."),
    )) {
      const text = readFileSync(`${FOLDER}/${file}`, "utf8");
      expect([file, SECRET_SHAPES.flatMap((shape) => text.match(shape) ?? [])]).toEqual([file, []]);
      expect([file, /PRIVATE KEY|of-more-than-32/.test(text)]).toEqual([file, false]);
    }
  });
});
