import { sharedLab } from "../support/labs";
import { succeeded } from "../support/project-copy";

const project = sharedLab();

const AGAIN = ["--replace", "**-activate"];

const version = (): Promise<string> => project.droplet("readlink /opt/openclaw/current");
const damage = async (): Promise<void> => {
  await project.droplet(`echo '// changed' >>/opt/openclaw/${await version()}/lib/node_modules/openclaw/dist/index.js`);
};

const lab = (change: object): Promise<{ forgedWasRun: boolean }> => project.control("services/openclaw", change);

describe("an installed OpenClaw that root changed", () => {
  it("fails `up`, status and doctor, which name it and the way back, and that installs it again", async () => {
    const pid = await project.gatewayPid();
    await damage();
    const up = await project.up();
    expect(up.code).not.toBe(0);
    expect(up.stdout + up.stderr).toMatch(/opt\/openclaw\/\S+ is not as it was installed: .*--replace '\*\*-activate'/);
    expect((await project.onStack("status")).code).not.toBe(0);
    const doctor = await project.onStack("doctor");
    expect({ code: doctor.code, said: doctor.stdout }).toEqual({
      code: 3,
      said: expect.stringMatching(/FAIL +openclaw +something in \/opt\/openclaw\/\S+ is not as it was/) as string,
    });
    succeeded(await project.up(...AGAIN));
    await project.gatewayReady();
    expect(await project.gatewayPid()).not.toBe(pid);
    expect((await project.onStack("doctor")).stdout).toMatch(/ok +openclaw/);
  });
});

describe("a registry that serves something else under the same version", () => {
  afterAll(() => lab({ forgery: null }));

  it.each(["other bytes", "an older program", "another dependency"])(
    "is refused before any of it runs, and what runs goes on: %s",
    async (forgery) => {
      const pid = await project.gatewayPid();
      await damage();
      await lab({ forgery });
      const up = await project.up(...AGAIN);
      expect(up.code).not.toBe(0);
      expect(up.stdout + up.stderr).toMatch(
        /refused: openclaw@\S+ with its dependencies has the digest \w{64}, not \w{64}/,
      );
      expect(up.stdout + up.stderr).toContain("Nothing of it was run");
      expect(await lab({})).toMatchObject({ forgedWasRun: false });
      expect(await project.gatewayPid()).toBe(pid);
      expect(
        await project.droplet(`ls -a /opt/openclaw | grep partial || true; ls -d /var/cache/hermes-npm || true`),
      ).toBe("");
      await lab({ forgery: null });
      succeeded(await project.up(...AGAIN));
      await project.gatewayReady();
    },
  );

  it("would have been seen to run", async () => {
    await lab({ forgery: "other bytes" });
    await project.droplet(
      `set -e; export NODE_USE_SYSTEM_CA=1; mkdir /tmp/forged; cd /tmp/forged
       npm pack --silent openclaw@${await version()} >&2
       tar --extract --gzip --file openclaw-*.tgz
       node package/openclaw.mjs --version >&2
       rm -rf /tmp/forged`,
    );
    expect(await lab({})).toMatchObject({ forgedWasRun: true });
  });
});

describe("the account that runs npm", () => {
  it("is nobody else, cannot log in, and leaves nothing", async () => {
    const [name = "", , uid, , , home = "", shell] = (await project.droplet("getent passwd hermes-npm")).split(":");
    expect({ name, home, shell }).toEqual({
      name: "hermes-npm",
      home: "/var/cache/hermes-npm",
      shell: "/usr/sbin/nologin",
    });
    expect(
      await project.droplet(`find / -xdev -uid ${uid} -print -quit 2>/dev/null; pgrep -u hermes-npm || true`),
    ).toBe("");
  });
});
