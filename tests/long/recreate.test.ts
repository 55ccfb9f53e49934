import { readFileSync } from "node:fs";
import { join } from "node:path";
import { publicKeyOf } from "../../lib/ssh/public-key";
import { labCredentials } from "../../localcloud/credentials";
import type { ExecResult } from "../../localcloud/exec";
import { run, waitFor } from "../../localcloud/network";
import { ownLab } from "../support/labs";
import { succeeded, type TailnetNode } from "../support/project-copy";

const OWNER = "123456789";
const FRIEND = 777_001;
const LISTING = readFileSync(join(__dirname, "state-listing.py"), "utf8");

interface Listing {
  files: Record<string, string>;
  /** Database → table → row by its primary key → hash by column. */
  databases: Record<string, Record<string, Record<string, Record<string, string>>>>;
}

/** What tailscaled writes as soon as it is connected: its log, and what the control server told it last. */
const TAILSCALED_NOTES =
  /^tailscale\/(tailscaled\.log\d\.txt|derpmap\.cached\.json|profile-data\/\w+\/netmap-cache\/.*)$/;

/** What a gateway that stops or starts has to write: locks and leases, its own starts, what npm and tailscaled log. */
const MAY_CHANGE = {
  files: /^(openclaw\/(tmp|cache|\.cache|\.npm)\/|tailscale\/)/,
  // A database's file changes whenever it is opened: its rows are compared instead.
  databases: /\.sqlite(-wal|-shm)?$/,
  tables:
    /^(agent_integrity_verifications|agent_database_leases|state_leases|gateway_boot_lifecycle|diagnostic_events)$/,
};

/** What OpenClaw 2026.9.6 may note when it starts, and why. A test below has a droplet that nobody replaced note it. */
const NOTES_OF_A_START: Record<string, string> = {
  "schema_meta: app_version":
    "which configuration its migrations were looked through for: the first start after an edit",
  "schema_meta: updated_at": "and when that was",
  "agent_databases: last_seen_at": "when an agent's database was checked",
  "agent_databases: size_bytes": "and how long it was",
  "session_key_contract: canonical_ready": "and which file it was",
  "config_health_entries: last_known_good_json": "how openclaw.json was seen last: device, inode, times",
  "config_health_entries: updated_at_ms": "and when",
};

/** The changed columns of a row. One with a time of expiry that is another now was renewed, and is no loss. */
const changes = (before: Record<string, string>, after: Record<string, string> | undefined): string[] =>
  after === undefined
    ? ["a row is gone"]
    : before["expires_at"] !== after["expires_at"]
      ? []
      : Object.keys(before).filter((column) => after[column] !== before[column]);

/** Rows that are gone, and changed columns, as `table: what`. */
const changedRows = (before: Listing, after: Listing): string[] =>
  Object.entries(before.databases).flatMap(([file, tables]) =>
    Object.entries(tables)
      .filter(([table]) => !MAY_CHANGE.tables.test(table))
      .flatMap(([table, all]) =>
        Object.entries(all)
          .flatMap(([key, columns]) => changes(columns, after.databases[file]?.[table]?.[key]))
          .map((what) => `${table}: ${what}`),
      ),
  );

/** Everything of `before` that is not there, or not as it was, whatever starts and stops of the gateway were between. */
const lost = (before: Listing, after: Listing): string[] => [
  ...Object.entries(before.files)
    .filter(([path]) => !MAY_CHANGE.files.test(path) && !MAY_CHANGE.databases.test(path))
    .filter(([path, is]) => after.files[path] !== is)
    .map(([path]) => path),
  ...changedRows(before, after).filter((what) => !(what in NOTES_OF_A_START)),
];

const withoutNotes = ({ files }: Listing): [string, string][] =>
  Object.entries(files)
    .filter(([path]) => !TAILSCALED_NOTES.test(path))
    .sort(([a], [b]) => (a < b ? -1 : 1));

const project = ownLab();

beforeAll(async () => {
  // A turn at the end of each `up` would be a change of the state.
  project.setKey("verify", ["agentTurn: false"]);
  await project.start();
  await project.setSecret("telegramBotToken", labCredentials(project.lab).telegramToken);
  project.setKey("telegram", [`ownerId: "${OWNER}"`]);
  project.setKey("agents", ["main:", "  workspace: ./workspace/main", "  bindings: [{ channel: telegram }]"]);
  succeeded(await project.up());
});

const hermes = (...args: string[]): Promise<ExecResult> => project.onStack(...args);

const api = async <T>(service: "digitalocean" | "tailnet", method: string, path: string, body?: object): Promise<T> => {
  const who = { digitalocean: '-H "authorization: Bearer $DIGITALOCEAN_TOKEN"', tailnet: '-u "$TAILSCALE_API_KEY:"' };
  const url = { digitalocean: "$DIGITALOCEAN_API_URL", tailnet: "$TAILSCALE_BASE_URL" };
  const script = `curl -sf -X ${method} ${who[service]} -H "content-type: application/json" \${1:+-d "$1"} "${url[service]}${path}"`;
  const { code, stdout } = await project.exec(["sh", "-c", script, "sh", ...(body ? [JSON.stringify(body)] : [])]);
  expect(`${method} ${path} ended with ${code}`).toBe(`${method} ${path} ended with 0`);
  return (stdout.trim() === "" ? {} : JSON.parse(stdout)) as T;
};

const publicKeys = async (): Promise<string[]> =>
  (await api<{ ssh_keys: { public_key: string }[] }>("digitalocean", "GET", "/v2/account/keys")).ssh_keys.map(
    ({ public_key }) => public_key,
  );

const droplets = async (): Promise<{ id: number; name: string }[]> =>
  (await api<{ droplets: { id: number; name: string }[] }>("digitalocean", "GET", "/v2/droplets")).droplets;

/** With openclaw.json as another droplet has it: the same bytes, another file. */
const RESTART = `
  systemctl stop openclaw-gateway
  cd /etc/openclaw && cp --preserve=mode,ownership openclaw.json copy && mv copy openclaw.json
  systemctl start openclaw-gateway`;

/** Where a droplet's bootstrap is. */
const bootstrapStep = (): Promise<string> =>
  project.droplet("cat /var/lib/hermes/bootstrap.json").then(
    (said) => (JSON.parse(said) as { step: string }).step,
    () => "none yet",
  );

const listing = async (): Promise<Listing> =>
  JSON.parse(await project.droplet(`python3 - /srv/hermes <<'LISTING'\n${LISTING}\nLISTING`)) as Listing;

/** The volume as no droplet has it: is it in order, and what does it hold? */
async function volumeAlone(): Promise<{ listing: Listing; clean: boolean }> {
  const { volumes } = await api<{ volumes: { id: string; droplet_ids: number[] }[] }>(
    "digitalocean",
    "GET",
    "/v2/volumes",
  );
  const [volume] = volumes;
  expect(volume?.droplet_ids).toEqual([]);
  const image = join(project.lab.dir, "volumes", volume?.id ?? "", "data.img");
  const mount = join(project.lab.dir, "looked-at");
  const header = await run(["dumpe2fs", "-h", image]);
  await run(["mkdir", "-p", mount]);
  await run(["mount", "-o", "ro,noload,loop", image, mount]);
  try {
    const said = await run(["python3", "-", mount], { input: LISTING });
    const clean = /Filesystem state: +clean/.test(header) && !header.includes("needs_recovery");
    return { listing: JSON.parse(said) as Listing, clean };
  } finally {
    await run(["umount", mount]);
  }
}

function raise(): void {
  const text = project.read("Pulumi.hermes.yaml");
  const revision = Number(/hermes:bootstrapRevision: (\d+)/.exec(text)?.[1]);
  project.write(
    "Pulumi.hermes.yaml",
    text.replace(/hermes:bootstrapRevision: \d+/, `hermes:bootstrapRevision: ${revision + 1}`),
  );
}

const deployKey = (): Promise<string> => project.secret("deployKey");

/** Whether a key logs in as root, over the tailnet. */
async function letsIn(privateKey: string): Promise<boolean> {
  const script = `new (require("ssh2").Client)().on("ready", () => process.exit(0)).on("error", () => process.exit(3))
    .connect({ host: process.argv[1], username: "root", privateKey: process.env.KEY, readyTimeout: 20000 })`;
  const [address] = (await project.node()).addresses;
  const { code } = await project.exec(["node", "-e", script, address ?? ""], { KEY: privateKey });
  expect([0, 3]).toContain(code);
  return code === 0;
}

const sessionRemembers = async (): Promise<void> => expect(await project.recalls()).toContain("marmalade");

/** What the bot said to somebody after he wrote. */
async function botAnswers(text: string): Promise<string> {
  const calls = await project.control<{ number: number }[]>("services/telegram/calls", { since: 0 });
  const since = calls.at(-1)?.number ?? 0;
  await project.control("services/telegram/inject", { text, from: FRIEND });
  let said = "";
  await waitFor(
    "the bot answers",
    async () => {
      const later = await project.control<{ method: string; parameters: Record<string, unknown> }[]>(
        "services/telegram/calls",
        { since },
      );
      const texts = later
        .filter(({ parameters }) => Number(parameters["chat_id"]) === FRIEND)
        .map(({ parameters }) => (parameters["text"] as string | undefined) ?? "")
        .filter((each) => each !== "");
      said = texts.join("\n");
      return texts.length > 0;
    },
    { timeoutMs: 180_000, everyMs: 500 },
  );
  return said;
}

describe("a gateway with a life", () => {
  it("has a session, files of its agent's own, and a friend on Telegram", async () => {
    await project.remember("marmalade");
    const command = "mkdir -p memory && echo 'likes marmalade' >memory/2026-11-22.md && echo draft >notes.txt && ls";
    await project.control("services/openrouter/script", {
      steps: [{ match: "write it down", toolCall: { name: "exec", arguments: { command } } }],
    });
    await project.ask("write it down", "writer");
    await project.control("services/openrouter/script", { steps: [] });
    expect(await project.droplet("cat /var/lib/openclaw/workspaces/main/memory/*.md")).toBe("likes marmalade");

    expect(await botAnswers("may I?")).toMatch(/pair/i);
    const list = await hermes("pair", "list", "--json");
    const { requests } = JSON.parse(list.stdout) as { requests: { code: string }[] };
    expect(requests).toHaveLength(1);
    succeeded(await hermes("pair", "approve", requests[0]?.code ?? ""));
    expect(await botAnswers("and now?")).toContain("PONG");
  });

  it("writes a few notes of its own at a plain restart", async () => {
    const running = await listing();
    await project.droplet(RESTART);
    let restarted = running;
    // Some of them seconds after it is ready.
    const noted = async (): Promise<boolean> => {
      restarted = await listing();
      const changed = changedRows(running, restarted);
      return Object.keys(NOTES_OF_A_START).every((note) => changed.includes(note));
    };
    await waitFor("every note of a start", noted, { timeoutMs: 120_000, everyMs: 1000 });
    expect(lost(running, restarted)).toEqual([]);
  });
});

describe("bootstrapRevision + 1", () => {
  let before: { droplet: number; node: TailnetNode; hostKey: string; live: Listing };
  let between: Listing;

  it("stops the gateway and the machine cleanly and lets go of the volume, whatever comes after", async () => {
    before = {
      droplet: project.dropletId,
      node: await project.node(),
      hostKey: await project.droplet("cat /etc/ssh/ssh_host_ed25519_key.pub"),
      live: await listing(),
    };
    // Nothing is made in its place for now, so that the volume can be looked at alone.
    const refusal = { id: "unprocessable_entity", message: "no room for a droplet" };
    await project.control("digitalocean/faults", [
      { method: "POST", path: "^/v2/droplets$", status: 422, body: refusal, times: 99 },
    ]);
    raise();
    const failed = await project.up();
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toContain("no room for a droplet");
    expect(await droplets()).toEqual([]);
    const volume = await volumeAlone();
    expect(volume.clean).toBe(true);
    between = volume.listing;
    // The search can see: there is something to be lost.
    expect(Object.keys(between.files)).toContain("openclaw/workspaces/main/memory/2026-11-22.md");
    expect(Object.keys(between.files)).toContain("ssh/ssh_host_ed25519_key");
    expect(Object.keys(between.databases).length).toBeGreaterThan(1);
    expect(lost(before.live, between)).toEqual([]);
  });

  it("mounts the same file system on another droplet, every file byte by byte", async () => {
    await project.control("digitalocean/faults", []);
    // No OpenClaw is installed as long as npm's registry does not answer, hence nothing starts on the state.
    await project.control("services/faults", { registryDown: true });
    const up = project.up();
    try {
      const waits = async (): Promise<boolean> => (await bootstrapStep()) === "openclaw";
      await waitFor("the bootstrap wants OpenClaw", waits, { timeoutMs: 300_000, everyMs: 500 });
      expect(project.dropletId).not.toBe(before.droplet);
      expect(withoutNotes(await listing())).toEqual(withoutNotes(between));
    } finally {
      await project.control("services/faults", { registryDown: false });
      succeeded(await up);
    }
  });

  it("brings the gateway up on that state, as the same node with its address and its host key", async () => {
    expect(lost(between, await listing())).toEqual([]);
    expect(await droplets()).toEqual([expect.objectContaining({ id: project.dropletId, name: "hermes" })]);
    expect(project.dropletId).not.toBe(before.droplet);
    const { id, name, addresses } = before.node;
    expect(await project.node()).toMatchObject({ id, name, addresses });
    expect(name).toMatch(/^hermes\./);
    expect(await project.droplet("cat /etc/ssh/ssh_host_ed25519_key.pub")).toBe(before.hostKey);
    expect(await publicKeys()).toHaveLength(1);
  });

  it("goes on with the session, and the friend needs no new approval", async () => {
    await sessionRemembers();
    expect(await botAnswers("still me")).toContain("PONG");
  });
});

describe("a bot's token that Telegram does not know", () => {
  it("fails `up`, which says so first, and the gateway is ready with the old one again", async () => {
    const { telegramToken } = labCredentials(project.lab);
    await project.setSecret("telegramBotToken", "8123456789:AAunknown-bot-token-of-the-droplet-test");
    const refused = await project.up();
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/failed: telegram: Telegram refuses the bot's token \(401\)/);
    await project.setSecret("telegramBotToken", telegramToken);
    succeeded(await project.up());
  });
});

describe("another image", () => {
  it("goes the same way: the preview replaces droplet and tailnet key, and says nothing of the volume", async () => {
    const text = project.read("Pulumi.hermes.yaml");
    project.write("Pulumi.hermes.yaml", text.replace(/hermes:image: .*/, 'hermes:image: "195932981"'));
    const preview = await project.pulumi("preview", "--json");
    project.write("Pulumi.hermes.yaml", text);
    succeeded(preview);
    const { steps } = JSON.parse(preview.stdout) as { steps: { op: string; urn: string }[] };
    const replaced = steps.filter(({ op }) => op === "replace").map(({ urn }) => urn.split("$").at(-1)?.split("::")[0]);
    expect(replaced).toEqual(
      expect.arrayContaining(["digitalocean:index/droplet:Droplet", "tailscale:index/tailnetKey:TailnetKey"]),
    );
    expect(replaced).not.toContain("digitalocean:index/volume:Volume");
  });
});

describe("hermes rotate deployKey", () => {
  it("and `up`: the new key is let in and the old one is not, and nothing else changes", async () => {
    const before = { droplet: project.dropletId, pid: await project.gatewayPid(), key: await deployKey() };
    succeeded(await hermes("rotate", "deployKey"));
    const key = await deployKey();
    expect(key).not.toBe(before.key);
    expect([await letsIn(before.key), await letsIn(key)]).toEqual([true, true]);
    succeeded(await project.up());
    expect([await letsIn(before.key), await letsIn(key)]).toEqual([false, true]);
    expect(await publicKeys()).toEqual([publicKeyOf(key)]);
    expect({ droplet: project.dropletId, pid: await project.gatewayPid() }).toEqual({
      droplet: before.droplet,
      pid: before.pid,
    });
  });
});

describe("the deploy key lost, the tailnet node deleted, and the power cut", () => {
  it("hermes rotate deployKey --lost and `up` lead back in, to the same state", async () => {
    const before = { droplet: project.dropletId, node: await project.node(), key: await deployKey() };
    await api("tailnet", "DELETE", `/api/v2/device/${before.node.id}`);
    await api("digitalocean", "POST", `/v2/droplets/${before.droplet}/actions`, { type: "power_off" });
    succeeded(await hermes("rotate", "deployKey", "--lost"));
    succeeded(await project.up());
    expect(project.dropletId).not.toBe(before.droplet);
    const { id, name } = await project.node();
    expect(id).not.toBe(before.node.id);
    expect(name).toBe(before.node.name);
    expect([await letsIn(before.key), await letsIn(await deployKey())]).toEqual([false, true]);
    expect(await publicKeys()).toEqual([publicKeyOf(await deployKey())]);
    await sessionRemembers();
    expect(await botAnswers("me again")).toContain("PONG");
    expect(await project.droplet("cat /var/lib/openclaw/workspaces/main/notes.txt")).toBe("draft");
  });
});

describe("a new droplet on which OpenClaw cannot be installed", () => {
  it("fails `up`, which says so, and a later good `up` converges", async () => {
    await project.control("services/faults", { registryDown: true });
    raise();
    const failed = await project.up();
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toMatch(/openclaw/i);
    expect(failed.stdout + failed.stderr).toMatch(/503|registry/i);
    await project.control("services/faults", { registryDown: false });
    succeeded(await project.up());
    await sessionRemembers();
  });
});
