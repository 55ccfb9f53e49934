import { isNowhere, parseCidr, tooWideAt, type Cidr } from "./cidrs";
import { DEFAULTS } from "./keys";
import { bare, isAbsent, type Reader } from "./reader";
import type { Access } from "./types";

const KEY = "hermes:adminCidrs";
const ALLOWED = "SSH may be open to at most a /8 (IPv4) or /32 (IPv6) in all.";
const EXAMPLE = "[198.51.100.7/32]";
const FIX = 'Write your own address, such as 198.51.100.7/32, or set hermes:access to "tailnet" and remove the key.';

/** How the operator reaches the droplet, and from where. */
export function readAccess(reader: Reader, mode: unknown, cidrs: unknown): Access {
  const isOpen = Array.isArray(cidrs) && cidrs.length > 0;
  const access = reader.text("hermes:access", mode, {
    default: DEFAULTS.access,
    pattern: /^(tailnet|ssh)$/,
    allowed: '"tailnet" (nothing is open to the internet) or "ssh" (port 22 is, to hermes:adminCidrs).',
    fix: isOpen
      ? "Write ssh, which goes with hermes:adminCidrs."
      : 'Write "tailnet", unless the machine that runs pulumi cannot be on the tailnet.',
  });
  const isSsh = access === "ssh" || (typeof mode === "string" && bare(mode).toLowerCase() === "ssh");
  const isClosed = access === "tailnet";
  const entries = isClosed && !Array.isArray(cidrs) ? [] : reader.list(KEY, cidrs, { example: EXAMPLE, isEntry });
  const isSet = Array.isArray(cidrs) ? cidrs.length > 0 : !isAbsent(cidrs);
  if (isClosed && isSet)
    reader.reject(
      KEY,
      cidrs,
      'hermes:access is "tailnet", which opens no port to any address',
      'adminCidrs goes with access "ssh" only.',
      "Remove adminCidrs.",
    );
  if (isSsh && entries.length === 0)
    reader.add(KEY, 'is missing, and hermes:access is "ssh"', "The addresses from which port 22 answers.", FIX);
  const parsed = entries.map((entry, i) => readCidr(reader, `${KEY}[${i}]`, entry));
  checkWidth(reader, entries, parsed);
  reader.problems.sort((a, b) => (isOfEntry(a.key) && isOfEntry(b.key) ? place(a.key) - place(b.key) : 0));
  if (access !== "ssh") return { mode: "tailnet" };
  const texts = parsed.filter((cidr) => cidr !== undefined).map((cidr) => cidr.text);
  return { mode: "ssh", adminCidrs: [...new Set(texts)] };
}

function isEntry(text: string): boolean {
  const cidr = parseCidr(text);
  return !("wrong" in cidr) && !isNowhere(cidr);
}

function readCidr(reader: Reader, key: string, entry: unknown): Cidr | undefined {
  const text = reader.text(key, entry, { isValid: isEntry, allowed: "An address with its prefix length.", fix: FIX });
  if (text === undefined) return undefined;
  const cidr = parseCidr(text);
  if (!("wrong" in cidr) && isNowhere(cidr)) {
    const allowed = "The address that your machine has on the internet, or in the droplet's private network.";
    reader.reject(key, text, "nobody connects to the droplet from there", allowed, FIX);
    return undefined;
  }
  if (!("wrong" in cidr)) return cidr;
  const meant = cidr.suggestion !== undefined && isEntry(cidr.suggestion) ? `Write ${cidr.suggestion}.` : FIX;
  reader.reject(key, text, cidr.wrong, "An address with its prefix length, 198.51.100.7/32 or 2001:db8::/48.", meant);
  return undefined;
}

function checkWidth(reader: Reader, entries: unknown[], parsed: (Cidr | undefined)[]): void {
  for (const { index, family, share } of tooWideAt(parsed)) {
    const others = parsed.flatMap((cidr, i) => (cidr?.family === family && i < index ? [`[${i}]`] : []));
    const together = others.length > 0 ? `together with ${others.join(", ")} it covers` : "it covers";
    reader.reject(`${KEY}[${index}]`, entries[index], `${together} ${share}`, ALLOWED, FIX);
  }
}

function isOfEntry(key: string): boolean {
  return key.startsWith(`${KEY}[`);
}

function place(key: string): number {
  return Number(key.slice(KEY.length + 1, -1));
}
