import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROJECT = join(__dirname, "../..");

/** A checkout with the loader, esbuild and nothing else. */
let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "hermes-loader-"));
  mkdirSync(join(checkout, "scripts"));
  mkdirSync(join(checkout, "node_modules"));
  for (const name of ["typescript.js", "lazy-modules.js"])
    cpSync(join(PROJECT, "scripts", name), join(checkout, "scripts", name));
  for (const name of ["esbuild", "@esbuild"])
    symlinkSync(join(PROJECT, "node_modules", name), join(checkout, "node_modules", name));
});
afterEach(() => {
  chmodSync(join(checkout, "node_modules"), 0o755);
  rmSync(checkout, { recursive: true, force: true });
});

const write = (name: string, text: string): void => writeFileSync(join(checkout, name), text);
const run = (file: string): string =>
  execFileSync(process.execPath, ["-r", "./scripts/typescript.js", file], { cwd: checkout, encoding: "utf8" }).trim();
const kept = (): string[] =>
  readdirSync(join(checkout, "node_modules/.cache/hermes"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /esbuild-.*\.js$/.test(name),
  );

describe("the TypeScript loader", () => {
  it("runs a changed file as it is now, and keeps what it compiled", () => {
    write("main.ts", 'import { word } from "./word";\nconsole.log(word satisfies string);\n');
    write("word.ts", 'export const word: string = "one";\n');
    expect(run("main.ts")).toBe("one");
    expect(kept()).toHaveLength(2);
    write("word.ts", 'export const word: string = "two";\n');
    expect(run("main.ts")).toBe("two");
    expect(run("main.ts")).toBe("two");
    expect(kept()).toHaveLength(3);
  });

  it("names the line of the source in a stack trace, with or without the cache", () => {
    write("broken.ts", 'type Nothing = undefined;\n\nconst nothing: Nothing = undefined;\nthrow new Error("here");\n');
    for (let start = 0; start < 2; start++) {
      const { stderr } = spawnSync(process.execPath, ["-r", "./scripts/typescript.js", "broken.ts"], {
        cwd: checkout,
        encoding: "utf8",
      });
      expect(stderr).toContain(join(checkout, "broken.ts:4"));
    }
  });

  it("runs in a checkout where it can keep nothing", () => {
    write("main.ts", 'console.log("ran" as string);\n');
    // A file in the way stands for missing rights, which root always has.
    write("node_modules/.cache", "");
    expect(run("main.ts")).toBe("ran");
  });

  it("keeps its cache where only the user can read and write", () => {
    write("main.ts", "console.log(1 as number);\n");
    run("main.ts");
    const mode = execFileSync("find", [join(checkout, "node_modules/.cache"), "-perm", "/022"], { encoding: "utf8" });
    expect(mode).toBe("");
  });
});
