import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { load } from "js-yaml";
import { MAX_USER_DATA_BYTES, renderUserData, userDataDigest } from "../../cloud-init";
import { birthFiles } from "../../cloud-init/user-data";
import { OPENCLAW_LOCK, sourceText, withoutComments } from "../../cloud-init/files";
import { sshUserDataInput, userDataInput } from "../fixtures/bootstrap-input";

interface CloudConfig {
  write_files: { path: string; permissions: string; encoding?: string; content: string }[];
  [key: string]: unknown;
}

/** The cloud-config as the droplet gets it, the archive (whose bytes depend on zlib) replaced by a mark. */
function readable(text: string): CloudConfig {
  const config = load(text) as CloudConfig;
  const files = config.write_files.map((file) =>
    file.encoding === undefined ? file : { ...file, content: "(archive)" },
  );
  return { ...config, write_files: files };
}

function archiveOf(text: string): Buffer {
  const file = (load(text) as CloudConfig).write_files.find((entry) => entry.encoding === "gz+b64");
  return gunzipSync(Buffer.from(file?.content ?? "", "base64"));
}

/** All that a reader of the user data could see, decompressed. */
const everything = (text: string): string => text + archiveOf(text).toString();

describe("user data", () => {
  it("reads like this for the hermes stack", () => {
    expect(readable(renderUserData(userDataInput))).toMatchSnapshot();
  });

  it("reads like this in ssh mode, with a control server of one's own and without a volume", () => {
    expect(readable(renderUserData(sshUserDataInput))).toMatchSnapshot();
  });

  it("carries the lock of the OpenClaw whose digest hermes knows, and none for another tree", () => {
    const { openclaw } = userDataInput;
    const lockOf = (sha256: string) =>
      birthFiles({ ...userDataInput, openclaw: { ...openclaw, sha256 } }).find(({ path }) => path === OPENCLAW_LOCK);
    expect(lockOf(openclaw.sha256)?.text).toContain(`"openclaw":"${openclaw.version}"`);
    expect(lockOf("first-install")).toBeUndefined();
    expect(lockOf("0".repeat(64))).toBeUndefined();
  });

  it("begins with the line by which cloud-init knows it", () => {
    expect(renderUserData(userDataInput)).toMatch(/^#cloud-config\n/);
  });

  it("stays under its limit in both modes", () => {
    expect(renderUserData(userDataInput).length).toBeLessThanOrEqual(MAX_USER_DATA_BYTES);
    expect(renderUserData(sshUserDataInput).length).toBeLessThanOrEqual(MAX_USER_DATA_BYTES);
  });

  it("refuses to grow past its limit", () => {
    // Addresses that compress badly.
    const adminCidrs = Array.from(
      { length: 2000 },
      (_, i) => `198.${(i * 7919) % 256}.${(i * 104729) % 256}.${i % 256}/32`,
    );
    expect(() => renderUserData({ ...userDataInput, access: { mode: "ssh", adminCidrs } })).toThrow(/at most 26624/);
  });

  it("holds the tailnet key once, and in tailnet mode no other secret", () => {
    const text = everything(renderUserData(userDataInput));
    expect(text.split(userDataInput.tailnetKey)).toHaveLength(2);
    expect(text).not.toContain("PRIVATE KEY");
    expect(text.replace(userDataInput.tailnetKey, "")).not.toMatch(/tskey-auth-k/);
  });

  it("keeps the tailnet key in a file for root alone", () => {
    const { write_files: files } = readable(renderUserData(userDataInput));
    const holders = files.filter((file) => file.content.includes(userDataInput.tailnetKey));
    expect(holders.map(({ path, permissions }) => [path, permissions])).toEqual([["/etc/hermes/tailnet.key", "0600"]]);
  });

  it("closes the droplet before anything else, and asks for no package list", () => {
    const config = readable(renderUserData(userDataInput));
    expect(config["bootcmd"]).toEqual([expect.stringMatching(/policy drop/)]);
    expect(config).toMatchObject({ package_update: false, package_upgrade: false });
  });

  it("lets root in by key only, whatever the image thinks", () => {
    expect(readable(renderUserData(userDataInput))).toMatchObject({
      users: [{ name: "root", lock_passwd: true }],
      disable_root: false,
      ssh_pwauth: false,
      ssh_deletekeys: true,
      ssh_authorized_keys: [userDataInput.deployPublicKey],
    });
  });

  it("makes no swap where none is wanted", () => {
    expect(readable(renderUserData({ ...userDataInput, swapGiB: 0 }))).not.toHaveProperty("swap");
  });

  it("expects a volume only where there is one", () => {
    const paths = (volume: boolean): string[] => birthFiles({ ...userDataInput, volume }).map((file) => file.path);
    expect(paths(true)).toContain("/etc/hermes/volume");
    expect(paths(false)).not.toContain("/etc/hermes/volume");
  });
});

describe("digest of the user data", () => {
  it("does not know the secrets", () => {
    const other = { ...userDataInput, tailnetKey: "another", deployPublicKey: "another" };
    expect(userDataDigest(other)).toBe(userDataDigest(userDataInput));
  });

  it.each([
    ["the volume", { volume: false }],
    ["Tailscale's packages", { tailscale: { ...userDataInput.tailscale, suite: "sid" } }],
  ])("changes with %s", (_, change) => {
    expect(userDataDigest({ ...userDataInput, ...change })).not.toBe(userDataDigest(userDataInput));
  });

  it.each([
    ["OpenClaw's version", { openclaw: { version: "2026.9.7", before: "2026-11-01", sha256: "first-install" } }],
    ["Node's version", { node: { version: "24.20.0", url: "https://x.example/", sha256: "0".repeat(64) } }],
    ["the ranges of the operator", { access: sshUserDataInput.access }],
    ["the swap", { swapGiB: 2 }],
  ])("does not know %s, which is applied in place", (_, change) => {
    expect(userDataDigest({ ...userDataInput, ...change })).toBe(userDataDigest(userDataInput));
  });
});

describe("archive of the user data", () => {
  it("unpacks with tar to the files that were put in, with their modes", () => {
    const folder = mkdtempSync(join(tmpdir(), "hermes-archive-"));
    try {
      execFileSync("tar", ["-xmf", "-", "-C", folder], { input: archiveOf(renderUserData(userDataInput)) });
      for (const { path, mode, text } of birthFiles(userDataInput)) {
        expect(execFileSync("cat", [join(folder, path)]).toString()).toBe(text);
        expect(
          execFileSync("stat", ["-c", "0%a", join(folder, path)])
            .toString()
            .trim(),
        ).toBe(mode);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("carried files without their comments", () => {
  const names = readdirSync(join(__dirname, "..", "..", "cloud-init", "files"));

  it.each(names)("%s has no text of several lines that a filter by line would harm", (name) => {
    expect(sourceText(name)).not.toMatch(/<<-?\s*['"]?\w/);
    const code = withoutComments(name, sourceText(name));
    const open = code.split("\n").filter((line) => (line.match(/`/g) ?? []).length % 2 === 1);
    expect(open).toEqual([]);
  });

  it.each(names.filter((name) => name.endsWith(".sh")))("%s is still a program to bash", (name) => {
    const text = withoutComments(name, sourceText(name));
    expect(text).toMatch(/^#!\/bin\/bash\nset -euo pipefail\n/);
    expect(spawnSync("bash", ["-n"], { input: text }).stderr.toString()).toBe("");
  });

  it("keeps apt's #clear, which is no comment", () => {
    expect(withoutComments("apt.conf", sourceText("apt.conf"))).toContain(
      "#clear Unattended-Upgrade::Origins-Pattern;",
    );
  });
});
