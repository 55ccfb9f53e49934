// A report as people see it: Markdown in a page, its picture drawn by Mermaid, in a headless Chromium.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { toHtml } from "../fixtures/rendered";
import { BROWSERS } from "../support/prerequisites";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"].concat([
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]);
/** About that of a comment on either forge. */
const WIDTH = 880;

/** @throws Error that says what to install */
function needBrowser(): string {
  const program = BROWSERS.find((path) => existsSync(path));
  if (program === undefined) throw new Error("there is no Chromium. Install it: apt-get install -y chromium");
  return program;
}

/** What became of a report on its page; see in-page.js. */
export interface Seen {
  elements: string[];
  active: string[];
  comment: string | null;
  /** What kind of picture Mermaid drew; "error" where it could not. */
  pictures: string[];
  height: number;
}

export const look = (page: Page): Promise<Seen> => page.evaluate("seen()");

export interface Browser {
  /** A page with the report in it; close it after. */
  show(markdown: string): Promise<Page>;
  stop(): Promise<void>;
}

export async function startBrowser(): Promise<Browser> {
  const executablePath = needBrowser();
  const profile = mkdtempSync(join(tmpdir(), "hermes-chromium-"));
  const remove = (): void => rmSync(profile, { recursive: true, force: true });
  let context: BrowserContext;
  try {
    const viewport = { width: WIDTH, height: 800 };
    context = await chromium.launchPersistentContext(profile, {
      executablePath,
      args: FLAGS,
      viewport,
      timeout: 60_000,
    });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    show: async (markdown) => {
      const page = await context.newPage();
      // Nothing of a report is ever to be loaded.
      await page.route("**/*", (route) => route.abort());
      await page.setContent(documentOf(markdown));
      await page.addScriptTag({ path: require.resolve("mermaid/dist/mermaid.min.js") });
      await page.addScriptTag({ path: join(__dirname, "in-page.js") });
      await page.evaluate("drawAll()");
      return page;
    },
    stop: async () => {
      await context.close();
      remove();
    },
  };
}

const css = (): string => readFileSync(require.resolve("github-markdown-css/github-markdown-light.css"), "utf8");

const documentOf = (markdown: string): string =>
  `<!doctype html><meta charset="utf-8"><style>${css()}
  body { margin: 16px } .added { background: #dafbe1 } .removed { background: #ffebe9 }</style>
  <article class="markdown-body">${toHtml(markdown)}</article>`;
