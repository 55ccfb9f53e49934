// The first of the two steps in which the deploy key is rotated: the new one counts before anybody needs it.
import { Refused } from "./bundle.ts";
import type { Host } from "./host.ts";
import { AUTHORIZED_KEYS } from "./places.ts";
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
