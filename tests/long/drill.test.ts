import { join } from "node:path";
import { dropletIds } from "../../localcloud/droplets";
import { run, waitFor } from "../../localcloud/network";
import type { Drilled } from "../../operations/backups/drill";
import { accountState, everything } from "../support/account";
import { sharedLab } from "../support/labs";
import { succeeded } from "../support/project-copy";

const project = sharedLab();

const DRILL = "sandbox-hermes-drill";

const hermes = (...args: string[]) => project.hermes(...args);

/** What hermes does to the droplet that stays: nothing. */
const untouched = async (): Promise<string> => {
  const [id] = dropletIds(project.lab);
  const script =
    "systemctl show --property MainPID --value openclaw-gateway; cat /srv/hermes/openclaw/workspaces/main/n";
  return JSON.stringify([id, await project.droplet(script)]);
};

let before: { everything: Record<string, unknown>; untouched: string };

beforeAll(async () => {
  await project.remember("marmalade");
  await project.droplet(
    "install -o openclaw -g openclaw -m 600 /dev/stdin /srv/hermes/openclaw/workspaces/main/n <<<known",
  );
  succeeded(await hermes("backup", "--stack", "hermes"));
  before = { everything: await everything(project, DRILL), untouched: await untouched() };
});

afterEach(async () => {
  expect(await everything(project, DRILL)).toEqual(before.everything);
  expect(await untouched()).toBe(before.untouched);
});

describe("hermes restore --drill", () => {
  it("fails with the reason, and leaves nothing, where no droplet can be made", async () => {
    const body = { id: "unprocessable_entity", message: "no room for a droplet" };
    const fault = { method: "POST", path: "^/v2/droplets$", status: 422, body, times: 1 };
    await project.control("digitalocean/faults", [fault]);
    const failed = await hermes("restore", "--drill", "--stack", "hermes");
    expect(failed.code).toBe(5);
    expect(failed.stderr).toContain("no room for a droplet");
    expect(failed.stdout).toBe("");
  });

  it("interrupted while its droplet boots, removes it, and leaves nothing", async () => {
    const script = 'node cli/hermes.js restore --drill --stack hermes & echo $! >"$1"; wait $!';
    const pid = join(project.dir, ".hermes", "drill.pid");
    const running = project.exec(["bash", "-c", script, "bash", pid]);
    await waitFor("the second droplet", () => dropletIds(project.lab).length === 2, { timeoutMs: 180_000 });
    await run(["sh", "-c", 'kill -INT "$(cat "$1")"', "sh", pid]);
    const ended = await running;
    expect({ code: ended.code, said: ended.stderr.slice(-1500) }).toEqual({
      code: 130,
      said: expect.stringMatching(/interrupted/),
    });
  });

  it("restores the newest file into a droplet of its own beside the one that stays, and removes it", async () => {
    const running = hermes("restore", "--drill", "--json", "--stack", "hermes");
    await waitFor("the second droplet", () => dropletIds(project.lab).length === 2, { timeoutMs: 180_000 });
    const { droplets } = await accountState(project);
    expect(new Set(Object.values(droplets).map(({ host }) => host)).size).toBe(2);
    const drilled = JSON.parse(succeeded(await running)) as Drilled;
    expect(drilled).toMatchObject({ ok: true, ready: true, openclaw: "2026.9.6", version: "2026.9.6" });
    expect(drilled.backup).toMatch(/^hermes-.*\.tar\.age$/);
    expect(drilled.files).toBeGreaterThan(5);
  });
});
