/**
 * Brings what suites of tests need before jest counts seconds: `prepare.ts SUITE…`. The first time this builds programs
 * for minutes; later it is over at once.
 */
import { ensurePrerequisites, SUITES, type Suite } from "./support/prerequisites";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const wanted = process.argv.slice(2);
const isSuite = (name: string): name is Suite => (SUITES as readonly string[]).includes(name);

if (wanted.every(isSuite)) {
  ensurePrerequisites(wanted, say).catch((error: Error) => {
    say(error.message);
    process.exitCode = 1;
  });
} else {
  say(`usage: prepare.ts ${SUITES.join("|")} …`);
  process.exitCode = 2;
}
