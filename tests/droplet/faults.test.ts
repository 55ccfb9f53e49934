import { waitFor } from "../../localcloud/network";
import { ownLab } from "../support/labs";
import { doctorCheck, type Check } from "../support/operations";
import { succeeded } from "../support/project-copy";
import { secretsIn, stackSecrets } from "../support/secrets";

// Its own: it ends with a node whose key has expired.
const project = ownLab("stand-in");

beforeAll(() => project.start());

const check = (name: string): Promise<Check> => doctorCheck(project, name);

/** Types every command of a fix that begins with hermes, as it stands there; resolves with what they printed. */
async function type(fix = ""): Promise<string> {
  const commands = fix.split(/; then |; |, then |: /).filter((part) => part.startsWith("./hermes ssh "));
  expect(commands).not.toEqual([]);
  let printed = "";
  // What restarts the droplet takes its own connection along.
  for (const command of commands) printed += (await project.hermes(...command.split(" ").slice(1))).stdout;
  return printed;
}

const editSoul = (): void => {
  const soul = project.read("workspace/main/SOUL.md");
  project.write("workspace/main/SOUL.md", `${soul}\nEdition ${soul.length}.\n`);
};

/** An apply that fails leaves the very process that ran; whose status is 0, unless it can't keep anything. */
async function refused(words: RegExp, status = 0): Promise<void> {
  const pid = await project.gatewayPid();
  const up = await project.up();
  expect(up.code).not.toBe(0);
  expect(up.stdout + up.stderr).toMatch(words);
  expect(await project.gatewayPid()).toBe(pid);
  expect((await project.onStack("status")).code).toBe(status);
}

const applies = async (): Promise<string> => succeeded(await project.up());

describe("without DNS", () => {
  it("the gateway stays ready, the doctor names it, and its fix mends it", async () => {
    await project.droplet("systemctl stop systemd-resolved");
    expect((await project.onStack("status")).code).toBe(0);
    const dns = await check("dns");
    expect(dns).toMatchObject({ level: "fail", found: expect.stringContaining("openrouter.ai") as string });
    await type(dns.fix);
    expect(await check("dns")).toMatchObject({ level: "ok" });
  });
});

describe("a full volume", () => {
  const FILLER = "/var/lib/openclaw/workspaces/main/filler";

  it("refuses an edit, names the disk, and leaves the gateway as it is", async () => {
    // In two steps: the last blocks are not one piece.
    const fill = `fallocate -l "$(df --output=avail -B1 /srv/hermes | tail -1)" ${FILLER}/a; head -c 2G /dev/zero >${FILLER}/b`;
    await project.droplet(`mkdir -p ${FILLER}; { ${fill}; } 2>/dev/null; df /srv/hermes >&2`);
    editSoul();
    await refused(
      /\/var\/lib\/openclaw cannot be written: the disk is full\. Make room \(.\/hermes doctor says where\)/,
      3,
    );
  });

  it("keeps a gateway that was killed from ending for good: it waits, and status and doctor say for what", async () => {
    const pid = await project.gatewayPid();
    await project.droplet(`kill -9 ${pid}`);
    await waitFor("another process", async () => !["0", pid].includes(await project.gatewayPid()), {
      timeoutMs: 60_000,
    });
    const status = await project.onStack("status");
    expect(status.code).toBe(3);
    expect(status.stderr).toMatch(/\/var\/lib\/openclaw cannot be written: the disk is full/);
    expect(await check("gateway")).toMatchObject({
      level: "fail",
      fix: expect.stringContaining("mend the disk") as string,
    });
  });

  it("is healed by what the doctor's fix shows, and then takes the edit", async () => {
    const { level, fix } = await check("free space");
    expect(level).toBe("fail");
    expect(await type(fix)).toContain("/workspaces/main");
    await project.droplet(`rm -r ${FILLER}`);
    await project.gatewayReady();
    await applies();
  });
});

describe("a full root disk", () => {
  // A droplet of the embedded cloud has this machine's disk, which nobody wants full: the books stand for it.
  it("refuses an edit, and leaves the gateway as it is", async () => {
    const books = "/var/lib/hermes";
    await project.droplet(
      `cp -a ${books} /run/books && mount -t tmpfs -o size=2m none ${books} && cp -a /run/books/. ${books} && rm -r /run/books; ` +
        `head -c 4m /dev/zero >${books}/filler 2>/dev/null; df ${books} >&2`,
    );
    editSoul();
    await refused(/\/var\/lib\/hermes\/stage\/config\.json cannot be written: the disk is full/);
    await project.droplet(`umount ${books}`);
    await applies();
  });
});

describe("a volume that went read-only, as after an error of the disk", () => {
  it("refuses an edit, and leaves the gateway as it is", async () => {
    await project.droplet("mount -o remount,abort /srv/hermes");
    editSoul();
    await refused(/cannot be written: the disk is read-only/, 3);
  });

  it("is named by the doctor, whose fix mends it", async () => {
    const { level, found, fix } = await check("volume");
    expect([level, found]).toEqual(["fail", expect.stringContaining("read-only")]);
    await project.reboot(() => type(fix));
    await project.gatewayReady();
    await applies();
  });
});

describe("a volume that somebody detached", () => {
  const account = async (path: string, ...args: string[]): Promise<string> => {
    const call = 'curl -sS --fail -H "Authorization: Bearer $DIGITALOCEAN_TOKEN" -H "Content-Type: application/json"';
    const { code, stdout } = await project.exec([
      "sh",
      "-c",
      `${call} "$DIGITALOCEAN_API_URL/v2/${path}" "$@"`,
      "sh",
      ...args,
    ]);
    expect(code).toBe(0);
    return stdout;
  };

  /** As in the control panel. */
  const detach = async (): Promise<void> => {
    const { volumes } = JSON.parse(await account("volumes")) as { volumes: { id: string; droplet_ids: number[] }[] };
    const [id, droplet] = [volumes[0]?.id, volumes[0]?.droplet_ids[0]];
    await account(
      `volumes/${id}/actions`,
      "-d",
      JSON.stringify({ type: "detach", droplet_id: droplet, region: "nyc3" }),
    );
    await waitFor(
      "the device is gone",
      async () => (await project.droplet("blkid -c /dev/null -t LABEL=hermes || true")) === "",
    );
  };

  it("is named by status and doctor while the gateway still answers, and no up is green over it", async () => {
    await detach();
    const status = await project.onStack("status");
    expect(status.code).toBe(3);
    expect(status.stderr).toMatch(/the gateway is ready, but \/var\/lib\/openclaw cannot be written: .* or gone/);
    expect(await check("cloud droplet")).toMatchObject({
      level: "fail",
      found: expect.stringContaining("is not attached") as string,
      fix: expect.stringContaining("pulumi up --refresh") as string,
    });
    expect((await project.up()).code).not.toBe(0);
  });

  it("is waited for by a reboot, and taken by itself when up --refresh has attached it", async () => {
    await project.reboot();
    expect((await project.onStack("doctor")).code).toBe(5);
    await project.pulumi("up", "--yes", "--skip-preview", "--refresh");
    await project.gatewayReady();
    await applies();
  });
});

describe("an upgrade while npm's registry is down", () => {
  it("is refused, and the old version runs on", async () => {
    await project.control("services/faults", { registryDown: true });
    const before = project.read("Pulumi.hermes.yaml");
    project.write("Pulumi.hermes.yaml", before.replace('version: "2026.9.6"', 'version: "2026.9.7"'));
    await refused(/registry .* does not answer/);
    project.write("Pulumi.hermes.yaml", before);
    await project.control("services/faults", { registryDown: false });
    await applies();
  });
});

describe("the tailnet's control server, when it is down", () => {
  // Also when a test failed before: what follows needs it.
  afterAll(() => project.control("tailscale/server", { running: true }));

  it("is not needed by what is connected: status and doctor get there, and the doctor names it", async () => {
    await project.control("tailscale/server", { running: false });
    expect((await project.onStack("status")).code).toBe(0);
    await waitFor("the doctor names it", async () => (await check("tailnet")).level === "fail", { timeoutMs: 120_000 });
    expect((await project.onStack("status")).code).toBe(0);
  });

  it("is waited for after a reboot, and everything is well when it is back", async () => {
    await project.reboot();
    await waitFor(
      "the gateway is ready",
      async () =>
        project.droplet("hermes-apply status").then(
          () => true,
          () => false,
        ),
      {
        timeoutMs: 240_000,
      },
    );
    await project.control("tailscale/server", { running: true });
    await project.gatewayReady();
    await waitFor("the doctor is content", async () => (await check("tailnet")).level === "ok", { timeoutMs: 120_000 });
    await applies();
  });
});

describe("the node's key, when somebody expired it", () => {
  it("lets nobody in, and the doctor says so, and what to do", async () => {
    await project.control("tailscale/expire", { hostname: "hermes" });
    await waitFor("nobody gets in", async () => (await project.onStack("doctor")).code === 5, { timeoutMs: 120_000 });
    expect(await check("tailnet node")).toMatchObject({
      level: "fail",
      found: expect.stringMatching(/^the key of hermes\..* expired at /) as string,
      fix: expect.stringContaining("raise hermes:bootstrapRevision by one") as string,
    });
  });
});

it("no secret was printed by any of it", async () => {
  const secrets = await stackSecrets(project);
  // The search can see.
  expect(secretsIn(Object.values(secrets).join("\n"), secrets)).toEqual(Object.keys(secrets));
  expect(secretsIn(project.printed.join("\n"), secrets)).toEqual([]);
});
