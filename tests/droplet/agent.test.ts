import { waitFor } from "../../localcloud/network";
import { sharedLab } from "../support/labs";
import { succeeded } from "../support/project-copy";
import { leakedSecrets } from "../support/secrets";

const project = sharedLab("real");

const FIRST = "google/gemma-4-31b-it:free";
const SECOND = "google/gemma-4-26b-a4b-it:free";
const SOUL = "workspace/main/SOUL.md";

describe("the agent", () => {
  it("is answered by the next model when the first one's free quota is used up", async () => {
    await project.control("services/openrouter/model", {
      id: FIRST,
      failure: { status: 429, kind: "free-models-per-day" },
    });
    expect(await project.ask("who answers?")).toContain(`PONG from ${SECOND}`);
    const up = succeeded(await project.up());
    expect(up).toMatch(new RegExp(`not by its first model: openrouter/${SECOND} answered.*openrouter/${FIRST} \\(429`));
    expect((await project.onStack("status", "--agent-turn")).stderr).toMatch(/^warning: .* answered, because/);
    expect((await project.onStack("doctor")).stdout).toMatch(/warn +models +openrouter\/.* answered 0 h ago, because/);
    await project.control("services/openrouter/model", { id: FIRST, failure: null });
    expect((await project.onStack("status", "--agent-turn")).stderr).toBe("");
    expect((await project.onStack("doctor")).stdout).toMatch(/ok +models +openrouter\/.* answered 0 h ago/);
  });

  /** Runs commands by the agent's exec tool, in one turn; what the tool reported to the model, command by command. */
  const inAgentsShell = async (commands: string[]): Promise<string[]> => {
    const script = commands.map((command) => `echo "=== next"; (${command}) 2>&1; echo "status $?"`).join("\n");
    const since = await project.lastModelCall();
    await project.control("services/openrouter/script", {
      steps: [{ match: "run the commands", toolCall: { name: "exec", arguments: { command: script } } }],
    });
    await project.ask("run the commands", "shell");
    await project.control("services/openrouter/script", { steps: [] });
    const messages = (await project.modelCalls(since)).flatMap((call) => call.messages);
    const report = messages.find((message) => message.role === "tool" && message.text.includes("=== next"));
    return (report?.text ?? "").split("=== next").slice(1);
  };

  const ALLOWED = {
    "a shell as its own account, in its workspace": ["id -un; ls", /agent[\s\S]*SOUL\.md[\s\S]*status 0/],
    "the internet": ["curl -s -m 10 -o /dev/null https://openrouter.ai/api/v1/models", /status 0/],
  } as const;
  const DENIED = {
    "the gateway's secrets": "cat /etc/openclaw/secrets/*",
    "the gateway's configuration": "cat /etc/openclaw/openclaw.json",
    "the gateway's state": "ls /var/lib/openclaw/state",
    "the gateway's environment": "cat /proc/GATEWAY/environ",
    "the gateway itself": "curl -s -m 5 http://127.0.0.1:18789/readyz",
    "root's SSH": "timeout 5 bash -c '</dev/tcp/127.0.0.1/22'",
    "the metadata address": "curl -s -m 5 http://169.254.169.254/metadata/v1/user-data",
    "the tailnet": "curl -s -m 5 http://100.64.0.1/",
    "a private range": "curl -s -m 5 http://10.10.0.1/",
    root: "sudo -n id",
  };
  let said: string[] = [];

  it("has an exec tool that reports", async () => {
    const pid = await project.gatewayPid();
    const denied = Object.values(DENIED).map((command) => command.replace("GATEWAY", pid));
    said = await inAgentsShell([...Object.values(ALLOWED).map(([command]) => command), ...denied]);
    expect(said).toHaveLength(Object.keys(ALLOWED).length + Object.keys(DENIED).length);
  });

  it.each(Object.entries(ALLOWED).map(([what, [, expected]], index) => [what, expected, index] as const))(
    "has %s",
    (_what, expected, index) => expect(said[index]).toMatch(expected),
  );

  it.each(Object.keys(DENIED).map((what, index) => [what, index + Object.keys(ALLOWED).length] as const))(
    "is denied %s",
    (_what, index) => {
      expect(said[index]).toMatch(/status [1-9]\d*/);
      expect(said[index]).not.toMatch(/sk-or-v1|uid=0|"ready":true|#cloud-config/);
    },
  );

  it("is kept from what is there: root reaches the metadata address and the private range", async () => {
    for (const url of ["http://169.254.169.254/metadata/v1/id", "http://10.10.0.1/"]) {
      expect(await project.droplet(`curl -s -m 5 -o /dev/null -w '%{http_code}' ${url}`)).toBe("200");
    }
  });
});

describe("an edit of SOUL.md", () => {
  it("shows its lines in the preview, is live in the agent's next turn, and replaces nothing", async () => {
    const before = await project.identity();
    await project.remember("marmalade");
    const soul = project.read(SOUL);
    expect(soul).toMatch(/^# Who you are$/m);
    project.write(SOUL, soul.replace(/^# Who you are$/m, "# Who you are, edition SOULMARK-2"));
    const preview = await project.pulumi("preview", "--diff");
    const changed = preview.stdout.split("\n").filter((line) => line.includes("SOULMARK-2"));
    expect(changed.join("\n")).toMatch(/[~+].*edition SOULMARK-2/);
    expect(preview.stdout.split("\n").length).toBeLessThan(1000);
    expect(preview.stdout).not.toMatch(/digitalocean:index\/droplet:Droplet.*replace/);
    expect(succeeded(await project.up())).toMatch(/~ 2 updated/);
    await project.control("services/openrouter/script", {
      steps: [{ match: "who are you", echoSystem: "SOULMARK-\\d" }],
    });
    expect(await project.ask("who are you")).toContain("SOULMARK-2");
    await project.control("services/openrouter/script", { steps: [] });
    expect(await project.identity()).toEqual(before);
  });
});

describe("green means healthy", () => {
  it("a no-op `up` over a gateway that was stopped by hand fails and says why", async () => {
    await project.droplet("systemctl stop openclaw-gateway");
    const up = await project.up();
    expect(up.code).not.toBe(0);
    expect(up.stdout + up.stderr).toMatch(/hermes is up, but not healthy: the gateway is not ready/);
    expect(up.stdout + up.stderr).not.toContain("The program ended before");
    expect(up.stdout + up.stderr).not.toMatch(/\n\s+at .*\.ts:\d+/);
    await project.droplet("systemctl start openclaw-gateway");
    await project.gatewayReady();
    succeeded(await project.up());
  });

  it("a killed gateway restarts automatically and keeps its sessions", async () => {
    const pid = await project.gatewayPid();
    await project.droplet(`kill -9 ${pid}`);
    const another = async (): Promise<boolean> => !["0", pid].includes(await project.gatewayPid());
    await waitFor("another process", another, { timeoutMs: 60_000 });
    await project.gatewayReady();
    succeeded(await project.up());
    expect(await project.recalls()).toContain("marmalade");
  });

  it("a rebooted droplet recovers automatically and keeps its sessions", async () => {
    await project.reboot();
    await project.gatewayReady();
    succeeded(await project.up());
    expect(await project.recalls()).toContain("marmalade");
  });
});

it("the gateway listens on loopback alone", async () => {
  const listeners = await project.droplet("ss -Hltn 'sport = :18789' | awk '{print $4}' | sort");
  expect(listeners.split("\n")).toEqual(["127.0.0.1:18789", "[::1]:18789"]);
});

describe("OpenClaw's own security audit", () => {
  it("finds nothing critical, and no warning that docs/security.md does not explain", async () => {
    // As root types it.
    const said = await project.droplet("openclaw security audit --deep --json 2>/dev/null");
    const { findings } = JSON.parse(said.slice(said.indexOf("{"))) as {
      findings: { checkId: string; severity: string }[];
    };
    const found = findings.filter(({ severity }) => severity !== "info").map(({ checkId }) => checkId);
    const [, section = ""] = project.read("docs/security.md").split("## What OpenClaw's own audit says");
    const explained = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| `([\w.]+)`/gm)].map(([, id]) => id);
    expect(found.sort()).toEqual(explained.sort());
    expect(findings.filter(({ severity }) => severity === "critical")).toEqual([]);
  });
});

it("no secret was found where it must not be, after all of this", async () => {
  expect(await leakedSecrets(project)).toEqual([]);
});
