import fc from "fast-check";
import { renderReport } from "../../operations/review";
import { block, clip, code, folded, htmlCode, label, prose, table, visible } from "../../operations/review/text";
import { hostileInput, hostileText } from "../fixtures/hostile";
import { skeleton, textOf, toHtml } from "../fixtures/rendered";

describe("a stranger's text", () => {
  it.each<[string, (text: string) => string, string[]]>([
    ["as code in a sentence", (text) => `a ${code(text)} b`, ["<p>", "</p>"]],
    ["as code in a list", (text) => `- ${code(text)}`, ["<ul>", "<li>", "</li>", "</ul>"]],
    [
      "as HTML's code in a summary",
      (text) => folded(htmlCode(text), "x"),
      ["<details>", "<summary>", "</summary>", "<p>", "</p>", "</details>"],
    ],
    ["in a sentence of its own", (text) => `a ${prose(text)} b`, ["<p>", "</p>"]],
    [
      "in lines",
      (text) => folded("x", block("diff", [text])),
      ["<details>", "<summary>", "</summary>", "<pre>", "</pre>", "</details>"],
    ],
  ])("%s is text", (_, write, elements) => {
    fc.assert(fc.property(hostileText(), (text) => expect(skeleton(toHtml(write(text)))).toEqual(elements)));
  });

  it("in a table stays in its cell", () => {
    const cells = (html: string): string[] => (html.match(/<td>.*?<\/td>/gs) ?? []).map((cell) => textOf(cell).trim());
    fc.assert(
      fc.property(hostileText(), (text) => {
        const html = toHtml(table(["", "b"], [[code(text), "next"]]));
        expect(cells(html)).toEqual([textOf(toHtml(code(text))).trim(), "next"]);
      }),
    );
  });

  it("as code says what it says, with what is unseen made visible", () => {
    fc.assert(
      fc.property(hostileText(), (text) => {
        const expected = visible(text.replace(/\s*\r?\n\s*/g, " ⏎ ").replaceAll("\t", " "));
        fc.pre(expected.trim() !== "");
        expect(textOf(toHtml(`a${code(text)}b`)).trim()).toBe(`a${expected}b`);
        expect(textOf(htmlCode(text))).toBe(expected);
      }),
    );
  });

  it("shows marks of direction, controls and what has no width", () => {
    expect(visible("a\u202eb\u200bc\u0007d\ud800")).toBe("a\\u{202e}b\\u{200b}c\\u{7}d\\u{d800}");
  });

  it("is no mention, no link and no picture in a sentence", () => {
    expect(prose("ask @everyone about GH-1, #7 and https://x.example/a.")).toBe(
      "ask `@everyone` about `GH-1`, `#7` and `https://x.example/a`.",
    );
    expect(prose("droplet 7 is replaced, 1,695 → 3,660 MiB.")).toBe("droplet 7 is replaced, 1,695 → 3,660 MiB.");
  });

  it("in a picture is letters and numbers only", () => {
    fc.assert(
      fc.property(hostileText(), (text) => {
        expect(label(text)).toMatch(/^(?:[A-Za-z0-9 ]|(?<=[A-Za-z0-9])[-_.:/](?=[A-Za-z0-9])|#\d+;)*$/);
      }),
    );
  });

  it("is cut between words, never within one", () => {
    expect(clip("one secretsecret", 8)).toBe("one … (16 characters)");
    expect(clip("secretsecret", 8)).toBe("… (12 characters)");
    expect(clip("short", 8)).toBe("short");
  });
});

describe("a report", () => {
  it("has the same elements whatever the names, values, files and messages are", () => {
    const plain = skeleton(toHtml(renderReport(hostileInput("a", "b")).markdown));
    expect(plain.filter((tag) => tag === "<details>").length).toBeGreaterThan(2);
    fc.assert(
      fc.property(hostileText(), hostileText(), (text, other) => {
        expect(skeleton(toHtml(renderReport(hostileInput(text, other)).markdown))).toEqual(plain);
      }),
    );
  });

  it("is never longer than the limit, and says what it left out", () => {
    const long = Array.from({ length: 5000 }, (_, i) => `line ${i} of a file that is long`).join("\n");
    const limit = 8000;
    const { markdown } = renderReport({ ...hostileInput(long, `${long}x`), stack: "s", limit });
    expect(markdown.length).toBeLessThanOrEqual(limit);
    expect(markdown).toMatch(/cut here/);
  });

  it("is made of whatever JSON it is given", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: false }), fc.anything({ withBigInt: false }), (inputs, outputs) => {
        const [oldState] = hostileInput("a", "b").preview.steps?.map(({ oldState }) => oldState) ?? [];
        const odd = { ...oldState, inputs, outputs } as never;
        const preview = {
          steps: [
            {
              op: "update",
              urn: "urn:pulumi:s::p::digitalocean:index/droplet:Droplet::x",
              oldState: odd,
              newState: odd,
            },
          ],
        };
        expect(renderReport({ stack: "s", preview }).markdown).toContain("Stack `s`");
      }),
    );
  });
});
