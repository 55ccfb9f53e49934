import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatewayFiles } from "../../gateway/files";
import { hermesConfig } from "../fixtures/gateway-config";
import { PROJECT } from "./config-fixture";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "hermes-idle-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The script that goes to the droplet, on a machine that has been up and whose agent has worked so many seconds ago. */
function look(minutes: number, upSeconds: number, workedSeconds?: number): { said: string; off: boolean } {
  const [agents, off, bin] = [join(dir, "agents"), join(dir, "off"), join(dir, "bin")];
  mkdirSync(join(agents, "main", "agent"), { recursive: true });
  mkdirSync(bin);
  writeFileSync(join(bin, "systemctl"), `#!/bin/bash\necho "$@" >"${off}"\n`);
  chmodSync(join(bin, "systemctl"), 0o755);
  writeFileSync(join(dir, "wanted"), `${minutes}\n`);
  writeFileSync(join(dir, "uptime"), `${upSeconds}.37 1.0\n`);
  if (workedSeconds !== undefined) {
    const database = join(agents, "main", "agent", "openclaw-agent.sqlite-wal");
    writeFileSync(database, "");
    const time = Date.now() / 1000 - workedSeconds;
    utimesSync(database, time, time);
  }
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env["PATH"]}`,
    ...{ HERMES_IDLE_AGENTS: agents, HERMES_IDLE_WANTED: join(dir, "wanted"), HERMES_IDLE_UPTIME: join(dir, "uptime") },
  };
  const { status, stdout, stderr } = spawnSync("bash", [join(PROJECT, "gateway/files/idle.sh")], {
    env,
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const called = spawnSync("cat", [off], { encoding: "utf8" }).stdout.trim();
  return { said: stdout, off: called === "poweroff" };
}

describe("a sandbox that ends itself", () => {
  it.each([
    ["has just started", 60, 120, undefined, false],
    ["was used a moment ago", 60, 90_000, 30, false],
    ["was used before, and not for as long as was said", 60, 90_000, 3700, true],
    ["was never used, for as long as was said", 60, 3700, undefined, true],
    ["was used before it was switched on last", 60, 120, 90_000, false],
  ])("that %s", (_, minutes, up, worked, off) => {
    expect(look(minutes, up, worked).off).toBe(off);
  });

  it("has the program, the timer and the time; no other stack has any of it", () => {
    const sandbox = { expires: "2026-11-26T17:45:00Z", origin: "0a1b2c3d", idleMinutes: 90 };
    const more = Object.keys(gatewayFiles({ ...hermesConfig, sandbox })).filter(
      (path) => !(path in gatewayFiles(hermesConfig)),
    );
    expect(more.sort()).toEqual([
      "/etc/hermes/idle",
      "/etc/systemd/system/hermes-idle.service",
      "/etc/systemd/system/hermes-idle.timer",
      "/etc/systemd/system/openclaw-gateway.service.d/idle.conf",
      "/usr/local/lib/hermes/idle.sh",
    ]);
    expect(gatewayFiles({ ...hermesConfig, sandbox })["/etc/hermes/idle"]).toMatchObject({ text: ["90", ""] });
    const service = readFileSync(join(PROJECT, "gateway/files/hermes-idle.service"), "utf8");
    expect(service).toContain("ExecStart=/usr/local/lib/hermes/idle.sh");
  });
});
