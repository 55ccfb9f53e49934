// The golden reports as people see them. HERMES_SCREENSHOTS=FOLDER keeps the pictures.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { renderReport } from "../../operations/review";
import { hostileInput, hostileText } from "../fixtures/hostile";
import { CASES, goldenOf } from "../fixtures/previews";
import { look, startBrowser, type Browser, type Seen } from "./page";

jest.setTimeout(120_000);

const FOLDER = process.env["HERMES_SCREENSHOTS"] ?? join(__dirname, "../../.hermes/screenshots");
/** Of a screen on which one reads a pull request. */
const ONE_SCREEN = 900;
/** Reports on a page, since a page takes seconds. */
const TOGETHER = 12;
const PAGES = 5;
const ELEMENTS = [
  ...["blockquote", "br", "code", "details", "div", "p", "pre", "strong", "sub", "summary"],
  ...["table", "tbody", "td", "th", "thead", "tr", "ul", "li"],
];

let browser: Browser;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await startBrowser();
});
afterAll(() => browser.stop());

/** What stays the same whatever a stranger wrote. */
const harmless = ({ elements, active, comment }: Seen) => ({
  strange: elements.filter((name) => !ELEMENTS.includes(name)),
  active,
  comment,
});
const HARMLESS = { strange: [], active: [], comment: null };

describe("a report on a page", () => {
  it.each(CASES)("is one screen, with a picture that Mermaid draws: $name", async (one) => {
    const markdown = readFileSync(goldenOf(one), "utf8");
    const page = await browser.show(markdown);
    const seen = await look(page);
    await page.screenshot({ path: join(FOLDER, `${one.name}.png`), fullPage: true });
    await page.evaluate("unfold()");
    await page.screenshot({ path: join(FOLDER, `${one.name}-unfolded.png`), fullPage: true });
    await page.close();
    expect(harmless(seen)).toEqual(HARMLESS);
    expect(seen.pictures).toEqual(markdown.includes("```mermaid") ? ["flowchart-v2"] : []);
    expect(seen.height).toBeLessThan(ONE_SCREEN);
  });

  it("is text and nothing else wherever a stranger wrote something", async () => {
    const texts = fc.sample(fc.tuple(hostileText(), hostileText()), { numRuns: PAGES * TOGETHER, seed: 7 });
    for (let at = 0; at < texts.length; at += TOGETHER) {
      const some = texts.slice(at, at + TOGETHER);
      const reports = some.map(([text, other]) => renderReport(hostileInput(text, other)).markdown);
      const page = await browser.show(reports.join("\n\n"));
      const seen = await look(page);
      await page.close();
      const pictures = reports.map(() => "flowchart-v2");
      expect({ some, ...harmless(seen), pictures: seen.pictures }).toEqual({ some, ...HARMLESS, pictures });
    }
  });
});
