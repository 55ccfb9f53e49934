import fc from "fast-check";
import { newKey } from "../../operations/init/init";
import { secretsIn, tooShort } from "../../operations/review";
import { block, code, htmlCode, label, prose, table } from "../../operations/review/text";
import { hostileText } from "../fixtures/hostile";

const AWKWARD: [string, string][] = [
  ["Markdown", "**tok**_en_`with` [marks](x) # and ~~more~~"],
  ["quotes", `it's "quoted" and \\escaped\\`],
  ["HTML", "<b>&amp; token</b>"],
  ["lines", "first line of the secret\nsecond line of the secret"],
  ["another alphabet", "пароль-名前-🦀-token"],
  ["what is unseen", "token\u202ewith\u200bmarks"],
  ["bars", "a|b|c|d|e|f|g"],
  ["blanks", "four words make it"],
  ["a blank and a bar", "secret\t|secret"],
];

const escape = (text: string): string => text.replace(/[!-/:-@[-`{-~]/g, (char) => `\\${char}`);
const DRESSES: [string, (value: string) => string][] = [
  ["as it is", (value) => value],
  ["in JSON", (value) => JSON.stringify({ a: value })],
  ["in JSON in JSON", (value) => JSON.stringify(JSON.stringify([value]))],
  ["as code", code],
  ["as HTML's code", htmlCode],
  ["in a sentence", prose],
  ["in a cell", (value) => table(["a"], [[code(value)]])],
  ["in a picture", (value) => label(value, 1000)],
  [
    "in lines",
    (value) =>
      block(
        "diff",
        value.split("\n").map((line) => `+${line}`),
      ),
  ],
  ["in lines of JSON", (value) => block("", JSON.stringify({ a: value }, null, 2).split("\n"))],
  ["in Markdown's backslashes", escape],
  ["in a URL", (value) => `https://x.example/?a=${encodeURIComponent(Buffer.from(value).toString())}`],
  ["in a form", (value) => `a=${new URLSearchParams({ a: value }).toString()}`],
  ["in base64", (value) => Buffer.from(value).toString("base64")],
  ["in base64 with something before it", (value) => Buffer.from(`user:${value}`).toString("base64")],
  ["in base64 with something around it", (value) => Buffer.from(`ab${value}cd`).toString("base64url")],
];

describe("the last gate", () => {
  describe.each(AWKWARD)("finds a secret with %s", (_, value) => {
    it.each(DRESSES)("%s", (_, dress) => {
      expect(secretsIn(`before\n${dress(value)}\nafter`, { token: value, other: "something-else-entirely" })).toEqual([
        "token",
      ]);
    });
  });

  it("finds whatever it is, in every dress", () => {
    fc.assert(
      fc.property(hostileText(), fc.constantFrom(...DRESSES), (text, [, dress]) => {
        const value = `secret${text}secret`;
        // Of longer ones a report has nothing in a sentence but how long they are.
        fc.pre(value.length <= 160);
        expect(secretsIn(`x ${dress(value)} y`, { value })).toEqual(["value"]);
      }),
    );
  });

  it("finds a single line of a key", () => {
    const key = newKey("test");
    const line = key.split("\n")[3] ?? "";
    expect(secretsIn(`+  "${line}",`, { deployKey: key })).toEqual(["deployKey"]);
    expect(secretsIn("-----BEGIN OPENSSH PRIVATE KEY-----", { deployKey: key })).toEqual([]);
  });

  it("finds none where there is none, and never tells a value", () => {
    const secrets = Object.fromEntries(AWKWARD);
    expect(secretsIn("A text like any other: four words are here, a|b, and <b>&amp;</b>.", secrets)).toEqual([]);
    for (const found of secretsIn(AWKWARD.map(([, value]) => value).join("\n"), secrets))
      expect(Object.keys(secrets)).toContain(found);
  });

  it("does not look for what is too short, and says so", () => {
    const secrets = { pin: "1234567", none: "", fine: "12345678" };
    expect(secretsIn("1234567", secrets)).toEqual([]);
    expect(tooShort(secrets)).toEqual(["pin", "none"]);
  });
});
