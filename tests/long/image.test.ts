import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PruneReport } from "../../cli/image";
import { dropletIds, dropletPaths, execInDroplet, type DropletRecord } from "../../localcloud/droplets";
import { snapshotTree } from "../../localcloud/droplets/disk";
import { bringUp } from "../../localcloud/embedded-cloud";
import type { ExecResult } from "../../localcloud/exec";
import { tryRun, waitFor } from "../../localcloud/network";
import type { BakedImage } from "../../operations/images";
import type { Baked } from "../../operations/images/bake";
import type { Created } from "../../operations/sandboxes/create";
import { ownLab } from "../support/labs";
import { succeeded } from "../support/project-copy";

const project = ownLab();

const hermes = (...args: string[]) => project.hermes(...args);

const fine = <T>(result: ExecResult): T => JSON.parse(succeeded(result)) as T;

interface Account {
  droplets: Record<string, { id: number; name: string; image: string; host: number }>;
  snapshots: Record<string, { id: string; name: string; tags: string[] }>;
}
const account = () => project.control<Account>("digitalocean/state");

const on = async (id: number, script: string): Promise<string> => {
  const { code, stdout, stderr } = await execInDroplet(project.lab, id, ["bash", "-c", script]);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`);
  return stdout.trim();
};

/** Texts that only the baked droplet may have, by what they are. */
const identity: Record<string, string> = {};

/** Base64 and the like: what is copied of a key is found by any of its long lines, but for the one that all keys have. */
const longLines = (text: string): string[] =>
  text.split(/\s+/).filter((word) => word.length >= 30 && !word.startsWith("b3BlbnNzaC1rZXktdjE"));

/** While its gateway starts for the first time, a droplet has all that it will ever have of its own. */
async function noteIdentity(id: number): Promise<void> {
  const starts = async (): Promise<boolean> =>
    /^activ/.test((await execInDroplet(project.lab, id, ["systemctl", "is-active", "openclaw-gateway"])).stdout);
  await waitFor("the gateway of the sandbox starts", () => starts().catch(() => false), {
    timeoutMs: 400_000,
    everyMs: 200,
  });
  const note = (what: string, texts: string[]): void => texts.forEach((text, n) => (identity[`${what} ${n}`] = text));
  const { spec } = JSON.parse(readFileSync(dropletPaths(project.lab, id).record, "utf8")) as DropletRecord;
  note("tailnet key", /content: ['"|>-]*\s*(\S*key-auth-\S+|[0-9a-f]{40,})/.exec(spec.userData)?.slice(1) ?? []);
  note("secret", longLines(await on(id, "cat /etc/openclaw/secrets/*")));
  note("authorised key", longLines(await on(id, "cat /root/.ssh/authorized_keys")));
  note("host key", longLines(await on(id, "cat /etc/ssh/ssh_host_*_key*")));
  note(
    "agents' key",
    longLines(await on(id, "cat /etc/openclaw/agent-ssh/id_ed25519* /etc/hermes-agent/host_ed25519*")),
  );
  const state = await on(id, "cat /var/lib/tailscale/tailscaled.state");
  note(
    "tailnet state",
    [...state.matchAll(/"([A-Za-z0-9+/=]{40,})"/g)].map(([, value]) => value ?? ""),
  );
  const profiles = [...state.matchAll(/"([A-Za-z0-9+/=]{100,})"/g)].map(([, value]) => atob(value ?? ""));
  note(
    "node key",
    profiles.flatMap((text) => /"PrivateNodeKey":\s*"privkey:([0-9a-f]{64})"/.exec(text)?.slice(1) ?? []),
  );
  note("machine id", [await on(id, "cat /etc/machine-id")]);
  note("name", [spec.name]);
  note("address", [spec.ipv4, await on(id, "tailscale ip -4")]);
}

/** What no image may have: paths below its root, each with what would be in it. */
const ABSENT = [
  ...["etc/hermes", "etc/hermes-agent", "etc/openclaw", "var/lib/hermes", "var/lib/openclaw", "srv/hermes"],
  ...["var/lib/tailscale", "root/.ssh", "root/.bash_history", "root/.npm", "root/.gnupg", "swapfile", "swapfile.2"],
  ...[
    "var/lib/cloud/instance",
    "var/lib/cloud/instances",
    "var/lib/cloud/sem",
    "var/lib/cloud/seed",
    "var/log/journal",
  ],
  ...["var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "var/lib/systemd/timers", "etc/hostname"],
  ...[
    "etc/netplan/50-cloud-init.yaml",
    "opt/hermes",
    "usr/local/lib/hermes",
    "usr/local/sbin/hermes-apply",
    "usr/local/sbin/openclaw",
    "var/cache/hermes",
  ],
  "etc/ssh/sshd_config.d/10-hermes.conf",
];

const files = async (tree: string, ...where: string[]): Promise<string[]> =>
  (await tryRun(["find", ...where.map((folder) => join(tree, folder)), "-type", "f"])).stdout
    .split("\n")
    .filter((path) => path !== "");

let image: Baked;
const tree = (): string => snapshotTree(project.lab, image.id);

beforeAll(async () => {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  await bringUp(project.lab, { begin: say, detail: say, end: () => undefined });
  fine(await hermes("init", "--stack", "hermes", "--json"));
});

describe("hermes image bake", () => {
  it("makes a tagged image named by what is in it, and leaves nothing of the sandbox", async () => {
    const running = hermes("image", "bake", "--json");
    const noted = waitFor("the droplet", () => dropletIds(project.lab)[0], { timeoutMs: 300_000 }).then(noteIdentity);
    image = fine<Baked>(await running);
    await noted;
    expect(image).toMatchObject({
      baked: true,
      name: expect.stringMatching(/^hermes_debian-13-x64_openclaw-2026\.9\.6_/),
    });
    const { droplets, snapshots } = await account();
    expect(droplets).toEqual({});
    expect(Object.values(snapshots)).toMatchObject([
      { id: image.id, name: image.name, tags: expect.arrayContaining(["hermes-image", "hermes-openclaw:2026-9-6"]) },
    ]);
    expect(fine<unknown[]>(await hermes("sandbox", "list", "--json"))).toEqual([]);
  });

  it("is over at once where there is one with the same in it", async () => {
    expect(fine<Baked>(await hermes("image", "bake", "--json"))).toMatchObject({ id: image.id, baked: false });
  });
});

describe("the image", () => {
  it("has no place where a droplet keeps what it is", async () => {
    expect(ABSENT.filter((path) => existsSync(join(tree(), path)))).toEqual([]);
    expect(readFileSync(join(tree(), "etc/machine-id"), "utf8")).toBe("");
    expect(readdirSync(join(tree(), "etc/ssh")).filter((name) => name.startsWith("ssh_host_"))).toEqual([]);
    const units = await tryRun([
      "find",
      join(tree(), "etc/systemd/system"),
      "-name",
      "*hermes-*",
      "-o",
      "-name",
      "*openclaw*",
    ]);
    expect(units.stdout).toBe("");
    expect(readFileSync(join(tree(), "etc/fstab"), "utf8")).not.toContain("swap");
    expect(await files(tree(), "var/log", "home", "tmp", "var/tmp", "var/lib/apt/lists", "var/lib/dhcp")).toEqual([]);
  });

  it("holds no secret, key, name or address of the droplet that it was made of", async () => {
    const kinds = ["secret", "authorised key", "host key", "agents' key", "tailnet state", "node key", "machine id"];
    for (const kind of [...kinds, "tailnet key"]) expect(Object.keys(identity)).toContain(`${kind} 0`);
    const patterns = join(project.folder, "patterns");
    writeFileSync(patterns, `${[...new Set(Object.values(identity))].join("\n")}\n`, { mode: 0o600 });
    const found = await tryRun(["grep", "-rlaF", "-f", patterns, tree()]);
    expect({ code: found.code, found: found.stdout.split("\n").slice(0, 20).join("\n") }).toEqual({
      code: 1,
      found: "",
    });
  });

  it("has what every droplet has: Node, OpenClaw, Tailscale, and what the gateway compiled", async () => {
    expect(readFileSync(join(tree(), "opt/hermes-image"), "utf8")).toMatch(
      /^node 24\.21\.0 [0-9a-f]{64}\nopenclaw 2026\.9\.6 2026-09-25\n$/,
    );
    for (const path of [
      "opt/node/24.21.0/bin/node",
      "opt/openclaw/2026.9.6/.hermes-tree.sha256",
      "usr/sbin/tailscaled",
    ])
      expect(existsSync(join(tree(), path))).toBe(true);
    expect((await files(tree(), "var/cache/openclaw/compile-cache")).length).toBeGreaterThan(100);
  });
});

describe("sandboxes from it", () => {
  let baked: Created;
  let other: Created;
  const droplet = ({ outputs }: Created): number => Number(outputs.droplet.id);
  /** Bytes of a tree that differ from the image's would have been made on the droplet. */
  const installed = (one: Created): Promise<string> =>
    on(droplet(one), "cat /var/lib/hermes/image; stat --format %Y /opt/openclaw/2026.9.6/.hermes-tree.sha256");

  it("come up beside each other, one of exactly what is in it, one of another that is installed on top", async () => {
    const set = ["--set", `image="${image.id}"`, "--set", `openclaw.before="2026-09-26"`];
    const [one, two] = await Promise.all([
      hermes("sandbox", "create", "one", "--json"),
      hermes("sandbox", "create", "two", ...set, "--json"),
    ]);
    baked = fine<Created[]>(one)[0] as Created;
    other = fine<Created[]>(two)[0] as Created;
    const { droplets } = await account();
    expect(Object.values(droplets).map((each) => each.image)).toEqual([image.id, image.id]);
    const hash = statSync(join(tree(), "opt/openclaw/2026.9.6/.hermes-tree.sha256"));
    const seconds = String(Math.floor(hash.mtimeMs / 1000));
    expect((await installed(baked)).split("\n").at(-1)).toBe(seconds);
    expect((await installed(other)).split("\n").at(-1)).not.toBe(seconds);
  });

  it("have each an identity and addresses of their own, and answer", async () => {
    const key = "cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub";
    const own = `cat /etc/machine-id; ${key}; hostname; tailscale ip -4; hostname -I`;
    const [first, second] = await Promise.all([on(droplet(baked), own), on(droplet(other), own)]);
    const shared = first.split(/\s+/).filter((word) => second.split(/\s+/).includes(word));
    expect(shared.filter((word) => !/^ssh-ed25519$/.test(word))).toEqual([]);
    expect(first).not.toContain(identity["machine id 0"]);
    for (const one of [baked, other]) {
      const ready = await on(droplet(one), "curl -s http://127.0.0.1:18789/readyz");
      expect(JSON.parse(ready)).toMatchObject({ ready: true });
    }
    expect(await project.ask("say pong")).not.toBe("");
  });

  it("keep their image from being pruned; without them it goes", async () => {
    fine<PruneReport>(await hermes("image", "prune", "--keep", "0", "--yes", "--json"));
    const listed = fine<{ images: BakedImage[] }>(await hermes("image", "list", "--json")).images;
    expect(listed).toMatchObject([{ id: image.id, kept: "in use" }]);
    fine(await hermes("sandbox", "destroy", "one", "two", "--json"));
    const looked = await hermes("image", "prune", "--keep", "0", "--json");
    expect([looked.code, (JSON.parse(looked.stdout) as PruneReport).found.map(({ id }) => id)]).toEqual([
      4,
      [image.id],
    ]);
    const { removed } = fine<PruneReport>(await hermes("image", "prune", "--keep", "0", "--yes", "--json"));
    expect(removed.map(({ id }) => id)).toEqual([image.id]);
    expect((await account()).snapshots).toEqual({});
    await waitFor("its files are gone", () => !existsSync(tree()), { timeoutMs: 30_000 });
  });
});
