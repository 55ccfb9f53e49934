import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { Lab } from "../lab";
import { makeOnce } from "../make-once";
import type { Handler } from "./web";

const run = promisify(execFile);

const SUITE = "trixie";
const RECIPE = join(__dirname, "tailscale-package");
/** Raised when this file changes what the repository holds. */
const RECIPE_REVISION = 1;

export interface TailscaleApt {
  /** Folder that is served as /stable/debian. */
  path: string;
  /** Of the key that signs the repository, 40 hex digits. */
  fingerprint: string;
}

const home = (lab: Lab): string => join(lab.cache, "tailscale-apt");

/**
 * An apt repository for Debian trixie with one package, `tailscale`, made from the built tailscaled
 * (`<cache>/bin/tailscaled`) and signed with a key of the lab's. Made anew when the binary changes; the key stays.
 */
export async function buildTailscaleApt(lab: Lab): Promise<TailscaleApt> {
  const binary = join(lab.cache, "bin", "tailscaled");
  if (!existsSync(binary)) throw new Error(`${binary} is missing: build the lab's programs first.`);
  await mkdir(home(lab), { recursive: true, mode: 0o700 });
  const digest = createHash("sha256").update(`${RECIPE_REVISION}\n`);
  for (const name of ["tailscaled.service", "tailscaled.default", "postinst", "prerm"]) {
    digest.update(await readFile(join(RECIPE, name)));
  }
  await pipeline(createReadStream(binary), digest, { end: false });
  const path = join(home(lab), digest.digest("hex").slice(0, 16));
  await makeOnce(path, () => build(lab, binary, path));
  await pointCurrent(lab, path);
  return { path, fingerprint: (await readFile(join(path, `${SUITE}.fingerprint`), "utf8")).trim() };
}

async function pointCurrent(lab: Lab, path: string): Promise<void> {
  const link = join(home(lab), `current.${process.pid}`);
  await rm(link, { force: true });
  await symlink(path, link);
  await rename(link, join(home(lab), "current"));
}

async function build(lab: Lab, binary: string, path: string): Promise<void> {
  const work = await mkdtemp(join(home(lab), "build-"));
  try {
    const repository = join(work, "debian");
    const index = join(repository, "dists", SUITE, "main", "binary-amd64");
    const pool = join(repository, "pool");
    await mkdir(index, { recursive: true });
    await mkdir(pool, { recursive: true });
    await buildPackage(binary, join(work, "package"), pool);
    const { stdout: packages } = await run("apt-ftparchive", ["packages", "pool"], { cwd: repository });
    await writeFile(join(index, "Packages"), packages);
    await run("gzip", ["--keep", "--no-name", join(index, "Packages")]);
    await writeRelease(join(repository, "dists", SUITE));
    await sign(lab, repository);
    await chmod(repository, 0o755);
    await rename(repository, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function buildPackage(binary: string, root: string, pool: string): Promise<void> {
  const version = await versionOf(binary);
  await mkdir(join(root, "DEBIAN"), { recursive: true });
  const put = async (source: string, target: string, mode: number): Promise<void> => {
    await mkdir(join(root, target, ".."), { recursive: true });
    await copyFile(source, join(root, target));
    await chmod(join(root, target), mode);
  };
  await put(binary, "usr/sbin/tailscaled", 0o755);
  // One binary for both, told apart by the name it is called by (build tag ts_include_cli).
  await mkdir(join(root, "usr/bin"), { recursive: true });
  await symlink("../sbin/tailscaled", join(root, "usr/bin/tailscale"));
  await put(join(RECIPE, "tailscaled.service"), "usr/lib/systemd/system/tailscaled.service", 0o644);
  await put(join(RECIPE, "tailscaled.default"), "etc/default/tailscaled", 0o644);
  await put(join(RECIPE, "postinst"), "DEBIAN/postinst", 0o755);
  await put(join(RECIPE, "prerm"), "DEBIAN/prerm", 0o755);
  await writeFile(join(root, "DEBIAN", "conffiles"), "/etc/default/tailscaled\n");
  await writeFile(
    join(root, "DEBIAN", "control"),
    [
      "Package: tailscale",
      `Version: ${version}`,
      "Architecture: amd64",
      "Section: net",
      "Priority: optional",
      "Depends: iptables",
      "Maintainer: hermes lab <lab@hermes.test>",
      "Description: tailscaled and tailscale, as built for the hermes lab",
      "",
    ].join("\n"),
  );
  const file = join(pool, `tailscale_${version}_amd64.deb`);
  await run("dpkg-deb", ["--build", "--root-owner-group", "-Zgzip", "-z1", root, file]);
}

async function versionOf(binary: string): Promise<string> {
  const { stdout } = await run(binary, ["--version"]);
  const version = /^\d+\.\d+\.\d+/.exec(stdout)?.[0];
  if (version === undefined) throw new Error(`${binary} --version said ${JSON.stringify(stdout.split("\n")[0])}`);
  return version;
}

async function writeRelease(dist: string): Promise<void> {
  const fields = {
    Origin: "Tailscale",
    Label: "Tailscale",
    Suite: SUITE,
    Codename: SUITE,
    Architectures: "amd64",
    Components: "main",
  };
  const options = Object.entries(fields).flatMap(([name, value]) => [
    "-o",
    `APT::FTPArchive::Release::${name}=${value}`,
  ]);
  const { stdout } = await run("apt-ftparchive", [...options, "release", "."], { cwd: dist });
  await writeFile(join(dist, "Release"), stdout);
}

/** Signs the release, and puts the public key beside it as Tailscale does: binary, armored, and the sources line. */
async function sign(lab: Lab, repository: string): Promise<void> {
  await withKeyring(lab, async (gpg, fingerprint) => {
    const dist = join(repository, "dists", SUITE);
    const signing = ["--local-user", fingerprint, "--digest-algo", "SHA512"];
    await gpg([...signing, "--clearsign", "--output", join(dist, "InRelease"), join(dist, "Release")]);
    await gpg([...signing, "--armor", "--detach-sign", "--output", join(dist, "Release.gpg"), join(dist, "Release")]);
    await gpg(["--export", "--output", join(repository, `${SUITE}.noarmor.gpg`), fingerprint]);
    await gpg(["--armor", "--export", "--output", join(repository, `${SUITE}.gpg`), fingerprint]);
    await writeFile(join(repository, `${SUITE}.fingerprint`), `${fingerprint}\n`);
    await writeFile(
      join(repository, `${SUITE}.tailscale-keyring.list`),
      "deb [signed-by=/usr/share/keyrings/tailscale-archive-keyring.gpg]" +
        ` https://pkgs.tailscale.com/stable/debian ${SUITE} main\n`,
    );
  });
}

type Gpg = (args: string[]) => Promise<string>;

/**
 * Runs gpg in a home of its own, for this call only: GnuPG's agent listens on a socket in there, whose path must be
 * short, and is stopped afterwards. The key itself is kept in the cache (0600).
 */
async function withKeyring(lab: Lab, use: (gpg: Gpg, fingerprint: string) => Promise<void>): Promise<void> {
  const gnupg = await mkdtemp(join(tmpdir(), "hermes-gpg-"));
  const gpg: Gpg = async (args) =>
    (await run("gpg", ["--homedir", gnupg, "--batch", "--quiet", "--pinentry-mode", "loopback", ...args])).stdout;
  try {
    const keyFile = join(home(lab), "signing-key.asc");
    if (existsSync(keyFile)) await gpg(["--import", keyFile]);
    else await createKey(gpg, keyFile);
    const listing = await gpg(["--with-colons", "--list-secret-keys"]);
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1];
    if (fingerprint === undefined) throw new Error(`${keyFile} holds no key; remove it, a new one will be made.`);
    await use(gpg, fingerprint);
  } finally {
    await run("gpgconf", ["--homedir", gnupg, "--kill", "all"]);
    await rm(gnupg, { recursive: true, force: true });
  }
}

async function createKey(gpg: Gpg, keyFile: string): Promise<void> {
  await gpg([
    "--passphrase",
    "",
    "--quick-generate-key",
    "hermes lab (Tailscale stand-in)",
    "ed25519",
    "sign",
    "never",
  ]);
  const key = await gpg(["--passphrase", "", "--armor", "--export-secret-keys"]);
  await writeFile(`${keyFile}.new`, key, { mode: 0o600 });
  await rename(`${keyFile}.new`, keyFile);
}

/** pkgs.tailscale.com: /stable/debian. */
export function tailscaleAptHost(lab: Lab, log: (line: string) => void): Handler {
  return async (request, response) => {
    const wanted = decodeURIComponent((request.url ?? "").split("?")[0] ?? "");
    const inside = /^\/stable\/debian(\/.*)$/.exec(wanted)?.[1];
    const path = inside === undefined ? undefined : join(home(lab), "current", normalize(inside));
    const found = path === undefined ? undefined : await stat(path).catch(() => undefined);
    if (path === undefined || found === undefined || !found.isFile()) {
      // apt asks for translations and the like, which are not there in the real one either.
      log(`404 pkgs.tailscale.com${request.url}`);
      response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
      return;
    }
    response.writeHead(200, {
      "content-type": path.endsWith(".deb") ? "application/vnd.debian.binary-package" : "application/octet-stream",
      "content-length": found.size,
      "last-modified": found.mtime.toUTCString(),
    });
    if (request.method === "HEAD") return void response.end();
    await pipeline(createReadStream(path), response);
  };
}
