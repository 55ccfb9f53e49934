// Files of text on the droplet that only root reads.
import type { Host } from "./host.ts";
import { put, readEntry } from "./tree.ts";

export function readText(host: Host, path: string): string | undefined {
  const entry = readEntry(host, path);
  return entry.kind === "file" ? entry.content.toString("utf8") : undefined;
}

export function writePrivate(host: Host, path: string, text: string): void {
  put(host, path, { kind: "file", content: Buffer.from(text), mode: 0o600, ...host.ids("root:root") });
}
