import { dropletIds } from "../../localcloud/droplets";
import { accountState, everything, tailnetTraces } from "../support/account";
import { sharedLab } from "../support/labs";
import { succeeded } from "../support/project-copy";

const project = sharedLab();
const STACK = "sandbox-try";

const sandbox = (...args: string[]) => project.hermes("sandbox", ...args);

let before: Record<string, unknown>;

beforeAll(async () => {
  before = await everything(project, STACK);
});

/** Its agent answers, and its node has the plain name. */
async function expectUp(): Promise<void> {
  expect(await project.ask("say something")).toMatch(/\S/);
  const nodes = (await tailnetTraces(project)).filter((name) => name.startsWith("hermes-sandbox-"));
  expect(nodes).toEqual([expect.stringMatching(/^hermes-sandbox-try\./)]);
}

describe("a sandbox", () => {
  it.each(["first", "second"])(
    "comes up and goes without a trace, the first one also after it was made anew: the %s of that name",
    async (time) => {
      const made = succeeded(await sandbox("create", "try", "--ttl", "2h", "--idle", "1h", "--json"));
      expect(JSON.parse(made)).toEqual([expect.objectContaining({ name: "try", ok: true })]);
      await expectUp();
      expect(await project.droplet("systemctl is-active hermes-idle.timer")).toBe("active");
      expect(await project.droplet("/usr/local/lib/hermes/idle.sh")).toMatch(/^last used \d+ s ago, of 60 min$/);
      if (time === "first") {
        const first = project.dropletId;
        succeeded(await sandbox("recreate", "try"));
        await expectUp();
        expect(project.dropletId).not.toBe(first);
        expect(dropletIds(project.lab)).toHaveLength(2);
        succeeded(await sandbox("destroy", "try"));
      } else {
        // Its program switches it off, as it would after an hour; the next sweep takes it.
        await project.droplet("echo 0 >/etc/hermes/idle; systemd-run --on-active=1 /usr/local/lib/hermes/idle.sh");
        const off = async (): Promise<boolean> =>
          (JSON.parse(succeeded(await sandbox("list", "--json"))) as { droplet: string }[])[0]?.droplet === "off";
        for (let tries = 0; !(await off()) && tries < 60; tries++);
        expect(succeeded(await sandbox("sweep", "--yes"))).toContain("try: idle: it has switched itself off: removed");
      }
      expect(await everything(project, STACK)).toEqual(before);
      expect(Object.keys((await accountState(project)).droplets)).toHaveLength(1);
    },
  );
});
