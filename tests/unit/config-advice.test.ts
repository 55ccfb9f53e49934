// Whoever does what a message says has put that fault right, and made no other: for each value and each key of a full
// stack file with each slip.
import { checkConfig, type Problem } from "../../config";
import { formatProblem } from "../../config/problem";
import { applied, type Input } from "./config-advice";
import { context } from "./config-fixture";
import { edited, FULL, NAME_SLIPS, PATHS, SECRETS, VALUE_SLIPS, type Edit, type Path } from "./config-slips";

const problemsOf = ({ values, context: of }: Input): Problem[] => checkConfig(values, of).problems;

const valueSlips = Object.entries(VALUE_SLIPS).map(([what, change]): [string, Edit] => [
  `value ${what}`,
  (key, value) => [key, change(value)],
]);
const nameSlips = Object.entries(NAME_SLIPS).map(([what, change]): [string, Edit] => [
  `key ${what}`,
  (key, value) => [change(key), value],
]);

/** These change the text inside of a list or map that stands in quotes: two slips, one of which is seen first. */
const OF_ONE_VALUE = new Set(["upper", "unit", "dollar", "utf16", "long", "comma"].map((slip) => `value ${slip}`));
const holdsOthers = (path: Path): boolean =>
  PATHS.some((other) => other.length > path.length && path.every((part, i) => part === other[i]));

/** A map with a key that no hand makes a slip of; a dot in a key is no path of a message. */
const OTHERS = ["value proto", "key dotted"];

/** What is wrong once all messages were followed, those of later keys first, so that entries keep their numbers. */
function stillWrong(path: Path, edit: Edit): string[] {
  const values = edited(FULL, path, edit) as Record<string, unknown>;
  const input: Input = { values, context: context({ secrets: SECRETS }) };
  const told = problemsOf(input);
  const after = problemsOf(told.reduceRight(applied, input));
  return after.length === 0 ? [] : [...told.map(formatProblem), "->", ...after.map(formatProblem)];
}

const slips = [...valueSlips, ...nameSlips].filter(([what]) => !OTHERS.includes(what));

it.each(slips)("the next preview of who does what the messages say is green: %s", (what, edit) => {
  const wrong = PATHS.filter((path) => !(OF_ONE_VALUE.has(what) && holdsOthers(path))).flatMap((path) => {
    const said = stillWrong(path, edit);
    return said.length === 0 ? [] : [path.join("."), ...said, ""];
  });
  expect(wrong.join("\n")).toBe("");
});
