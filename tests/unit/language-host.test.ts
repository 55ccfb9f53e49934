import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROJECT = join(__dirname, "../..");
const WRAPPER = join(PROJECT, "localcloud/engine/language-host/pulumi-language-nodejs");

describe("the wrapper of the built language host", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "hermes-host-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What the host itself is started with in a folder with this Pulumi.yaml. */
  function hostArguments(pulumiYaml: string): string[] {
    const host = join(folder, "host");
    writeFileSync(host, '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
    writeFileSync(join(folder, "Pulumi.yaml"), pulumiYaml);
    const env = { ...process.env, HERMES_LANGUAGE_HOST: host };
    return execFileSync(WRAPPER, ["127.0.0.1:1"], { cwd: folder, env, encoding: "utf8" }).trimEnd().split("\n");
  }

  it("passes the runtime options of this project, which its engine does not", () => {
    expect(hostArguments(readFileSync(join(PROJECT, "Pulumi.yaml"), "utf8"))).toEqual([
      "-typescript=false",
      "-nodeargs=--require=./scripts/typescript.js",
      "127.0.0.1:1",
    ]);
  });

  it("passes nothing for a project without options", () => {
    expect(hostArguments("name: empty\nruntime: nodejs\n")).toEqual(["127.0.0.1:1"]);
  });
});
