import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { promisify } from "node:util";
import type { Lab } from "../lab";

const run = promisify(execFile);

/** The certificate authority of one lab. Its key never leaves `<dir>/ca` (0600). */
export interface Authority {
  /** Path of the CA's certificate, PEM: what droplets put into their trust store. */
  certificatePath: string;
  /** PEM of a fresh leaf certificate (with the CA's behind it) and its key. */
  issue(name: string): Promise<{ certificate: string; key: string }>;
  /** The same as a TLS context, made once per name. */
  contextFor(name: string): Promise<SecureContext>;
}

/** Where the CA's certificate is, made or not. */
export function caCertificatePath(lab: Lab): string {
  return join(lab.dir, "ca", "ca.pem");
}

/** Opens the lab's certificate authority, making it the first time. */
export async function openAuthority(lab: Lab): Promise<Authority> {
  const dir = join(lab.dir, "ca");
  const certificatePath = caCertificatePath(lab);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(certificatePath)) await createAuthority(dir, certificatePath);
  if (!existsSync(join(dir, "leaf.key"))) await createKey(join(dir, "leaf.key"));
  const authority = await readFile(certificatePath, "utf8");
  const leafKey = await readFile(join(dir, "leaf.key"), "utf8");
  const contexts = new Map<string, Promise<SecureContext>>();

  const issue = async (name: string): Promise<{ certificate: string; key: string }> => {
    const leaf = await signLeaf(dir, name);
    return { certificate: leaf + authority, key: leafKey };
  };
  const contextFor = (name: string): Promise<SecureContext> => {
    let context = contexts.get(name);
    if (context === undefined) {
      context = issue(name).then(({ certificate, key }) => createSecureContext({ cert: certificate, key }));
      context.catch(() => contexts.delete(name));
      contexts.set(name, context);
    }
    return context;
  };
  return { certificatePath, issue, contextFor };
}

async function createKey(path: string): Promise<void> {
  const { stdout } = await run("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
  await writeFile(`${path}.new`, stdout, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function createAuthority(dir: string, certificatePath: string): Promise<void> {
  const key = join(dir, "ca.key");
  await createKey(key);
  const extensions = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"];
  const { stdout } = await run("openssl", [
    ...["req", "-x509", "-new", "-key", key, "-sha256", "-days", "3650", "-subj", "/CN=hermes lab CA"],
    ...extensions.flatMap((extension) => ["-addext", extension]),
  ]);
  // The certificate appears last: a half-made authority is made again.
  await writeFile(`${certificatePath}.new`, stdout, { mode: 0o644 });
  await rename(`${certificatePath}.new`, certificatePath);
}

/** A name comes from a client's SNI, so it is checked before it gets anywhere near a command or a file. */
function checkedName(name: string): string {
  if (!/^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/i.test(name))
    throw new Error(`no certificate for ${JSON.stringify(name)}`);
  return name.toLowerCase();
}

/** Tells concurrent requests' scratch folders apart. */
let scratch = 0;

async function signLeaf(dir: string, wanted: string): Promise<string> {
  const name = checkedName(wanted);
  const work = join(dir, `leaf-${process.pid}-${scratch++}`);
  await mkdir(work, { mode: 0o700 });
  try {
    const isAddress = /^[0-9.]+$/.test(name);
    await writeFile(
      join(work, "extensions"),
      [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth",
        `subjectAltName=${isAddress ? "IP" : "DNS"}:${name}`,
      ].join("\n"),
    );
    const request = join(work, "request");
    await run("openssl", ["req", "-new", "-key", join(dir, "leaf.key"), "-subj", "/CN=hermes lab", "-out", request]);
    const { stdout } = await run("openssl", [
      ...["x509", "-req", "-in", request, "-CA", join(dir, "ca.pem"), "-CAkey", join(dir, "ca.key")],
      ...[
        "-set_serial",
        `0x${randomBytes(16).toString("hex")}`,
        "-sha256",
        "-days",
        "397",
        "-extfile",
        join(work, "extensions"),
      ],
    ]);
    return stdout;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
