/**
 * Writes how much processor time a test file took, with the programs that it waited for, where a run of tests wants to
 * know: wall-clock time tells more about the machine's other work. What runs in droplets is not in it.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const PROJECT = join(__dirname, "..", "..", "..");
const output = process.env["HERMES_TEST_TIMES"];

/** Seconds; proc_pid_stat(5) has user and system time, then that of children, in hundredths. */
const spent = (): number =>
  (readFileSync("/proc/self/stat", "utf8").split(") ")[1] ?? "")
    .split(" ")
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks), 0) / 100;

if (output !== undefined && process.platform === "linux") {
  const before = spent();
  afterAll(() => {
    const file = relative(PROJECT, expect.getState().testPath ?? "");
    const seconds = Math.round((spent() - before) * 10) / 10;
    appendFileSync(output, `${JSON.stringify({ file, seconds })}\n`);
  });
}
