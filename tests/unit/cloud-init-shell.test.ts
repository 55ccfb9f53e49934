import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { environmentFile, shellQuote } from "../../cloud-init";

/** Any text without control characters: quotes, dollars, backslashes, several scripts. */
const value = fc.string({ unit: "grapheme" }).filter((text) => !/\p{Cc}|\p{Cs}/u.test(text));

describe("shellQuote", () => {
  it("gives a shell exactly the value, whatever it is made of", () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
        const { stdout } = spawnSync("sh", ["-c", `printf '%s\\0' ${values.map(shellQuote).join(" ")}`]);
        expect(stdout.toString().split("\0").slice(0, -1)).toEqual(values);
      }),
      { numRuns: 40, examples: [[["'", "''", "$(reboot)", "`reboot`", "\\", "a'b\"c $HOME", "", "-n", "!!"]]] },
    );
  });

  it.each(["a\nb", "a\u0000b", "a\rb", "\u007f"])("refuses the control character in %j", (text) => {
    expect(() => shellQuote(text)).toThrow(/control character/);
  });
});

describe("environmentFile", () => {
  it("is read by a shell's dot as it was written", () => {
    fc.assert(
      fc.property(value, value, (one, two) => {
        const script = `${environmentFile({ ONE: one, TWO: two })}printf '%s\\0' "$ONE" "$TWO"`;
        expect(spawnSync("sh", ["-c", script]).stdout.toString()).toBe(`${one}\0${two}\0`);
      }),
      { numRuns: 40 },
    );
  });
});
