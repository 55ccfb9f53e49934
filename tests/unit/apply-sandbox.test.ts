import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asGateway, closingSettings, sandboxed } from "../../gateway/apply/sandbox.ts";
import { stageBundles } from "../fixtures/apply-bundles.ts";
import { Machine } from "../fixtures/apply-machine.ts";

const UNIT = readFileSync(join(__dirname, "../../gateway/files/openclaw-gateway.service"), "utf8");
const settingsOf = (args: string[]): string[] =>
  args.filter((arg) => arg.startsWith("--property=")).map((arg) => arg.slice("--property=".length));

describe("a command in the gateway's account", () => {
  it("runs with every setting that closes the gateway's own unit", () => {
    const hardening = UNIT.slice(UNIT.indexOf("# RestrictSUIDSGID="), UNIT.indexOf("[Install]"));
    const wanted = hardening.split("\n").filter((line) => /^\w+=/.test(line));
    expect(wanted.length).toBeGreaterThan(20);
    expect(settingsOf(sandboxed(UNIT, ["true"], { timeoutMs: 1000 }))).toEqual(expect.arrayContaining(wanted));
    expect(closingSettings(UNIT).filter((line) => /^(Exec|User|Restart|Environment)/.test(line))).toEqual([]);
  });

  it("has a user namespace of its own, which closes its entries in /proc to the gateway", () => {
    expect(settingsOf(sandboxed("", ["true"], { timeoutMs: 1000 }))).toContain("PrivateUsers=yes");
  });

  it("ends in time with all of its processes, and sees of hermes-apply's folders what it is given", () => {
    const args = sandboxed("", ["tar", "$1"], {
      timeoutMs: 1500,
      env: { TMPDIR: "/tmp/x" },
      folders: { "/tmp/x": "/var/lib/hermes/backup/x" },
      readOnly: { "/tmp/y": "/srv/hermes/y" },
      hidden: ["/var/lib/openclaw/workspaces"],
      settings: ["Nice=15"],
    });
    expect(settingsOf(args)).toEqual(
      expect.arrayContaining([
        "BindPaths=/var/lib/hermes/backup/x:/tmp/x",
        "BindReadOnlyPaths=/srv/hermes/y:/tmp/y",
        "TemporaryFileSystem=/var/lib/openclaw/workspaces:ro",
        "RuntimeMaxSec=2",
        "Nice=15",
      ]),
    );
    expect(args).toEqual(
      expect.arrayContaining(["--uid=openclaw", "--expand-environment=no", "--setenv=TMPDIR=/tmp/x"]),
    );
    expect(args.slice(args.indexOf("--"))).toEqual(["--", "tar", "$1"]);
  });

  it("gets the settings of the staged unit while none is installed, and does not run without any", async () => {
    const machine = new Machine();
    try {
      const host = machine.host();
      await expect(asGateway(host, ["true"], { timeoutMs: 1000 })).rejects.toThrow(/is missing: no configuration/);
      stageBundles(host, { unit: "[Service]\nProtectSystem=strict\n" });
      const seen: string[][] = [];
      const run: typeof host.run = (_command, args) => (
        seen.push(args),
        Promise.resolve({ code: 0, stdout: "", stderr: "" })
      );
      await asGateway({ ...host, run }, ["true"], { timeoutMs: 1000 });
      expect(seen[0]).toContain("--property=ProtectSystem=strict");
    } finally {
      machine.remove();
    }
  });
});
