import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPTS = join(__dirname, "../../scripts/ci");

describe("in a job", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "hermes-ci-"));
    mkdirSync(join(dir, "bin"));
    for (const file of ["env", "path"]) writeFileSync(join(dir, file), "");
    program("sudo", 'while [[ "$1" == --* ]]; do shift; done; "$@"');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** A stand-in that keeps its arguments in a file of its name. */
  function program(name: string, does: string): void {
    writeFileSync(join(dir, "bin", name), `#!/bin/bash\necho "$*" >>"${dir}/${name}.args"\n${does}\n`, { mode: 0o755 });
  }
  const read = (name: string): string => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), "utf8") : "");
  const run = (script: string, args: string[], env: Record<string, string> = {}) =>
    spawnSync("bash", [join(SCRIPTS, script), ...args], {
      encoding: "utf8",
      env: {
        PATH: `${dir}/bin:/usr/bin:/bin`,
        RUNNER_TEMP: dir,
        GITHUB_ENV: join(dir, "env"),
        GITHUB_PATH: join(dir, "path"),
        GITHUB_RUN_ID: "7",
        ...env,
      },
    });

  describe("the tailnet", () => {
    const AWAY = '[ "$1" != status ]';

    it("is left as it is on a runner that is on it", () => {
      program("tailscale", "exit 0");
      expect(run("tailnet.sh", ["join"]).status).toBe(0);
      expect(run("tailnet.sh", ["leave"]).status).toBe(0);
      expect(read("tailscale.args")).toBe("status\n");
    });

    it("is joined by an OAuth client, whose secret is in no argument and no file afterwards, and left again", () => {
      program(
        "tailscale",
        `${AWAY} || exit 1; for arg; do [[ $arg == --auth-key=file:* ]] && cp "\${arg#*file:}" ${dir}/key; done; exit 0`,
      );
      const { status } = run("tailnet.sh", ["join"], { TAILSCALE_JOIN_SECRET: "tskey-client-x", TMPDIR: dir });
      expect(status).toBe(0);
      expect(read("key")).toBe("tskey-client-x?ephemeral=true&preauthorized=true");
      expect(read("tailscale.args")).toContain("up --advertise-tags=tag:ci --hostname=ci-7");
      expect(read("tailscale.args")).not.toContain("tskey");
      expect(spawnSync("grep", ["-rl", "tskey-client-x", dir], { encoding: "utf8" }).stdout.trim()).toBe(
        join(dir, "key"),
      );
      expect(run("tailnet.sh", ["leave"]).status).toBe(0);
      expect(read("tailscale.args")).toMatch(/logout\n$/);
    });

    it("is joined by workload identity where there is one", () => {
      program("tailscale", AWAY);
      run("tailnet.sh", ["join"], {
        TAILSCALE_IDENTITY_CLIENT: "id",
        TAILSCALE_AUDIENCE: "aud",
        TAILSCALE_JOIN_SECRET: "s",
      });
      expect(read("tailscale.args")).toContain("--client-id=id?ephemeral=true&preauthorized=true --audience=aud");
    });

    /** What `gpg --show-keys --with-colons` prints of a key with one subkey. */
    const key = (fingerprint: string): string =>
      `pub:-:4096:1:0:0:::-:::scSC::::::23::0:\\nfpr:::::::::${fingerprint}:\\nsub:-:4096:1:0:0:::::::e::::::23:\\nfpr:::::::::${"5".repeat(40)}:\\n`;
    const TAILSCALES = "2596A99EAAB33821893C0A79458CA832957F5868";

    it.each([
      ["Tailscale's key alone", key(TAILSCALES), 0],
      ["another key beside Tailscale's", key(TAILSCALES) + key("A".repeat(40)), 1],
      ["another key before Tailscale's", key("A".repeat(40)) + key(TAILSCALES), 1],
      ["another key", key("A".repeat(40)), 1],
      ["Tailscale's key as a subkey of another", key("A".repeat(40)).replace("5".repeat(40), TAILSCALES), 1],
      ["no key", "", 1],
    ])("is joined by a Tailscale from a keyring with %s: exit code of the installation %#", (_what, keys, status) => {
      for (const name of ["curl", "install", "tee", "apt-get"]) program(name, "exit 0");
      program("gpg", `printf '${keys.replaceAll("\\\\", "\\")}'`);
      // Not installed yet, and so not on the tailnet.
      const path = `${dir}/bin:/usr/bin:/bin`;
      expect(spawnSync("bash", ["-c", "command -v tailscale"], { env: { PATH: path } }).status).not.toBe(0);
      program(
        "apt-get",
        `[[ "$*" != *install* ]] || { echo '#!/bin/sh' >${dir}/bin/tailscale; chmod +x ${dir}/bin/tailscale; }`,
      );
      const joined = run("tailnet.sh", ["join"], { TAILSCALE_JOIN_SECRET: "tskey-client-x", TMPDIR: dir });
      expect(joined.status).toBe(status);
      if (status === 1) expect(joined.stderr).toMatch(/must hold the key 2596A99E\w+ and no other/);
      expect(read("apt-get.args") !== "").toBe(status === 0);
    });

    it("says what is missing when there is no way in", () => {
      program("tailscale", AWAY);
      const { status, stderr } = run("tailnet.sh", ["join"]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/neither TAILSCALE_IDENTITY_CLIENT nor TAILSCALE_JOIN_SECRET is set/);
    });

    it("gives the following steps a token of an hour, which no log shows", () => {
      program(
        "curl",
        `case "$*" in *token-exchange*) for arg; do [[ $arg == jwt@* ]] && cp "\${arg#jwt@}" ${dir}/jwt; done; echo '{"access_token":"tskey-api-short"}';; *) cat >${dir}/header; echo '{"value":"the.jwt"}';; esac`,
      );
      const { status, stdout, stderr } = run("tailnet.sh", ["token"], {
        TAILSCALE_IDENTITY_CLIENT: "id",
        TAILSCALE_AUDIENCE: "aud",
        ACTIONS_ID_TOKEN_REQUEST_URL: "https://ids.test/?v=1",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "runtime",
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(read("env")).toBe("TAILSCALE_API_KEY=tskey-api-short\n");
      expect(stdout).toBe("::add-mask::tskey-api-short\n");
      expect(read("jwt")).toBe("the.jwt");
      expect(read("header")).toBe("Authorization: Bearer runtime\n");
      expect(read("curl.args")).not.toMatch(/runtime|the\.jwt/);
    });

    it("is no word of anything else", () => {
      expect(run("tailnet.sh", ["enter"]).status).toBe(2);
    });
  });

  describe("pulumi", () => {
    const archive = (): string => {
      mkdirSync(join(dir, "made/pulumi"), { recursive: true });
      writeFileSync(join(dir, "made/pulumi/pulumi"), "");
      spawnSync("tar", ["-czf", join(dir, "archive"), "-C", join(dir, "made"), "pulumi"]);
      program("curl", `while [ "$1" != --output ]; do shift; done; cp ${dir}/archive "$2"`);
      return createHash("sha256")
        .update(readFileSync(join(dir, "archive")))
        .digest("hex");
    };

    it("is installed from the archive that is pinned", () => {
      const digest = archive();
      expect(run("pulumi.sh", [], { PULUMI_SHA256: digest }).status).toBe(0);
      expect(read("path")).toBe(`${dir}/pulumi\n`);
      expect(existsSync(join(dir, "pulumi/pulumi"))).toBe(true);
    });

    it("is not installed from another one", () => {
      archive();
      const { status, stderr } = run("pulumi.sh", [], { PULUMI_SHA256: "0".repeat(64) });
      expect(status).toBe(1);
      expect(stderr).toMatch(/not installed/);
      expect(existsSync(join(dir, "pulumi/pulumi"))).toBe(false);
    });

    it("is not installed while nothing is pinned, and the message gives the digest to pin", () => {
      const digest = archive();
      const { status, stderr } = run("pulumi.sh", []);
      expect(status).toBe(1);
      expect(stderr).toContain(`has SHA-256 ${digest}.`);
      expect(stderr).toContain("set the repository variable PULUMI_SHA256");
      expect(existsSync(join(dir, "pulumi/pulumi"))).toBe(false);
      expect(read("path")).toBe("");
    });

    it("is taken where there is one", () => {
      program("pulumi", "echo v3.0.0");
      expect(run("pulumi.sh", []).stderr).toContain("v3.0.0 is there");
      expect(read("path")).toBe("");
    });
  });
});
