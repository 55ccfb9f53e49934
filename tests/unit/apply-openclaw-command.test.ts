import { refuseManaged, typedConfig } from "../../gateway/apply/openclaw-command.ts";
import { sandboxed } from "../../gateway/apply/sandbox.ts";

const run = (line: string) => (): void => refuseManaged(line.split(" ").filter(Boolean));

describe("`openclaw` as root types it on the droplet", () => {
  it.each([
    ["", /Write a command, such as openclaw status/],
    ["update", /hermes:openclaw\.version .* pulumi up/],
    ["update --channel beta", /hermes:openclaw\.version/],
    ["update --yes", /hermes:openclaw\.version/],
    ["--update", /hermes:openclaw\.version/],
    ["gateway", /systemctl start, stop or restart openclaw-gateway/],
    ["gateway --port 1", /systemctl/],
    ["gateway --port 1 run", /systemctl/],
    ["gateway install", /systemctl/],
    ["gateway status --force", /systemctl/],
    ["daemon restart", /systemctl/],
    ["gateway stop", /systemctl/],
    ["uninstall --all", /pulumi destroy/],
    ["reset --scope full", /hermes restore/],
    ["onboard --install-daemon", /stack file/],
    ["configure", /stack file/],
    ["config", /stack file/],
    ["config set gateway.port 1", /stack file/],
    ["doctor", /hermes doctor/],
    ["doctor --fix", /hermes doctor/],
    ["security audit --fix", /stack file/],
    ["mcp set docs {}", /stack file/],
    ["plugins install x", /stack file/],
    ["backup restore x", /hermes backup/],
    ["no-such-command", /stack file/],
    ["constructor", /stack file/],
    ["config constructor", /stack file/],
    ["status --profile x", /does not run --profile/],
    ["--profile x status", /does not run --profile/],
  ])("refuses what may change what hermes manages, and says what to do instead: %s", (line, instead) => {
    expect(run(line)).toThrow(instead);
    expect(run(line)).toThrow(/hermes manages this droplet/);
  });

  it.each(["--log-level info uninstall --all", "--log-level=debug status", "-- uninstall"])(
    "takes the command first: %s",
    (line) => expect(run(line)).toThrow(/Write the command before its options, such as openclaw status --json/),
  );

  it.each([
    ...[
      "status",
      "status --json",
      "--no-color status",
      "update status",
      "update --help",
      "gateway status",
      "--version",
    ],
    ...[
      "gateway probe",
      "logs --follow",
      "security audit --deep --json",
      "config get gateway.port",
      "mcp probe --json",
    ],
    "agent --agent main --message update",
  ])("runs what looks, or uses the gateway: %s", (line) => expect(run(line)).not.toThrow());

  it("prints for people, and changes nothing else of the configuration", () => {
    const config = { gateway: { port: 1 }, logging: { level: "warn", consoleStyle: "json" } };
    expect(JSON.parse(typedConfig(JSON.stringify(config)))).toEqual({
      gateway: { port: 1 },
      logging: { level: "warn", consoleStyle: "pretty" },
    });
  });

  it("gets a terminal where a person sits at one, and pipes otherwise", () => {
    const options = { timeoutMs: 1000 };
    expect(sandboxed("", ["true"], { ...options, terminal: true })).toContain("--pty");
    expect(sandboxed("", ["true"], { ...options, terminal: true })).not.toContain("--pipe");
    expect(sandboxed("", ["true"], options)).toContain("--pipe");
  });
});
