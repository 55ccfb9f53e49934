import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PROJECT = join(__dirname, "..", "..");
const PROGRAM = `
  require(${JSON.stringify(join(PROJECT, "scripts/typescript.js"))});
  require(${JSON.stringify(join(PROJECT, "config/engine-process.ts"))}).endWithEngine();
  setInterval(() => undefined, 1000);
  console.log("started");
`;

it("ends when whoever started it is gone", async () => {
  // As the engine: a host that starts the program, and is killed without a chance to end it.
  const host = spawn("sh", ["-c", '"$0" -e "$1"; true', process.execPath, PROGRAM], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => createInterface(host.stdout).once("line", resolve));
  host.kill("SIGKILL");
  // The program holds the other end: it is closed when the program has ended, and not before.
  expect(await new Promise((resolve) => host.once("close", (_, signal) => resolve(signal)))).toBe("SIGKILL");
});

describe("a program that ends with code 0", () => {
  /** As far as the process is concerned: with an output that is known soon, or one that nothing will ever settle. */
  const run = (output?: string): { status: number | null; stderr: string } => {
    const program = `
      require(${JSON.stringify(join(PROJECT, "scripts/typescript.js"))});
      const pulumi = require(${JSON.stringify(join(PROJECT, "node_modules/@pulumi/pulumi"))});
      const { failUnlessFinished } = require(${JSON.stringify(join(PROJECT, "config/engine-process.ts"))});
      const finishWith = failUnlessFinished();
      ${output === undefined ? "" : `finishWith({ verified: pulumi.output(${output}) });`}
    `;
    return spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  };

  it("fails if it has not come to the end of its check of the gateway", () => {
    const { status, stderr } = run("new Promise(() => undefined)");
    expect(status).toBe(1);
    expect(stderr).toMatch(/ended before it had checked the gateway[^]*Run pulumi up again/);
  });

  it("fails if it had no outputs yet", () => {
    expect(run().status).toBe(1);
  });

  it("succeeds if it has", () => {
    expect(run("Promise.resolve(true)")).toMatchObject({ status: 0, stderr: "" });
  });
});
