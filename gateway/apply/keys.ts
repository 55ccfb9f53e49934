// The first of the two steps in which a key of SSH is rotated: the new one counts before anybody needs it.
import { rmSync } from "node:fs";
import { Refused } from "./bundle.ts";
import type { Host } from "./host.ts";
import { AUTHORIZED_KEYS, HOST_KEY, HOST_KEY_KEPT } from "./places.ts";
import { put, readEntry } from "./tree.ts";

export interface KeysReply {
  ok: boolean;
  changed: boolean;
}

const PUBLIC_LINE = /^ssh-ed25519 [A-Za-z0-9+/]+=*$/;

/**
 * Lets one more key log in as root, until the next activation writes the list anew. The keys that are there stay.
 *
 * @param line an OpenSSH public key line of type ed25519, without options or comment
 */
export function authorise(host: Host, line: string): KeysReply {
  const key = line.trim();
  if (!PUBLIC_LINE.test(key)) throw new Refused("standard input is not one public key of type ssh-ed25519");
  const now = readEntry(host, AUTHORIZED_KEYS);
  const keys = now.kind === "file" ? now.content.toString("utf8").split("\n").filter(Boolean) : [];
  if (keys.includes(key)) return { ok: true, changed: false };
  const content = Buffer.from([...keys, key, ""].join("\n"));
  put(host, AUTHORIZED_KEYS, { kind: "file", content, mode: 0o600, ...host.ids("root:root") });
  return { ok: true, changed: true };
}

/**
 * Gives the droplet another identity, also the one that the volume keeps for its successor. Open connections go on.
 *
 * @param privateKey OpenSSH private key of type ed25519
 */
export async function becomeHost(host: Host, privateKey: string): Promise<KeysReply> {
  const key = `${privateKey.trim()}\n`;
  const publicLine = await publicLineOf(host, key);
  const now = readEntry(host, HOST_KEY);
  if (now.kind === "file" && now.content.equals(Buffer.from(key))) return { ok: true, changed: false };
  const root = host.ids("root:root");
  for (const path of [HOST_KEY_KEPT, HOST_KEY]) {
    put(host, path, { kind: "file", content: Buffer.from(key), mode: 0o600, ...root });
    put(host, `${path}.pub`, { kind: "file", content: Buffer.from(`${publicLine}\n`), mode: 0o644, ...root });
  }
  const { code, stderr } = await host.run("systemctl", ["reload-or-restart", "ssh.service"], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`sshd does not take the new host key: ${stderr.trim()}`);
  return { ok: true, changed: true };
}

/** By sshd's own tool, which has to be able to read it. */
async function publicLineOf(host: Host, privateKey: string): Promise<string> {
  const draft = "/run/hermes-host-key";
  put(host, draft, { kind: "file", content: Buffer.from(privateKey), mode: 0o600, ...host.ids("root:root") });
  try {
    const { code, stdout } = await host.run("ssh-keygen", ["-y", "-f", host.path(draft)]);
    const line = stdout.trim().split(" ").slice(0, 2).join(" ");
    if (code !== 0 || !PUBLIC_LINE.test(line)) throw new Refused("standard input is not a private key of type ed25519");
    return line;
  } finally {
    rmSync(host.path(draft), { force: true });
  }
}
