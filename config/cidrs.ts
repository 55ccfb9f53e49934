import ipaddr from "ipaddr.js";

/** The widest that SSH may be open to, in addresses: a /8 of IPv4, a /32 of IPv6. */
export const WIDEST = { ipv4: 1n << 24n, ipv6: 1n << 96n } as const;

export type Family = keyof typeof WIDEST;

/** A block of addresses, first and last included. */
export interface Range {
  family: Family;
  first: bigint;
  last: bigint;
}

export interface Cidr extends Range {
  /** One spelling per block, so that a firewall reads back as it was written. */
  text: string;
}

/** Why a text is no acceptable block of addresses; `suggestion` is another spelling, where one is plain. */
export interface CidrFault {
  wrong: string;
  suggestion?: string;
}

const IPV4 = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;
const MAPPED: Range = { family: "ipv6", first: 0xffff_0000_0000n, last: 0xffff_ffff_ffffn };

/** Reads `address/prefix` strictly: parsers disagree about octal, hexadecimal and short spellings, so none passes. */
export function parseCidr(text: string): Cidr | CidrFault {
  const [address = "", prefix, ...rest] = text.split("/");
  if (rest.length > 0 || address === "") return { wrong: "it is not an address with a prefix length" };
  const family: Family = address.includes(":") ? "ipv6" : "ipv4";
  const fault = family === "ipv4" ? ipv4Fault(address) : ipv6Fault(address);
  if (fault) return fault;
  const bits = family === "ipv4" ? 32 : 128;
  if (prefix === undefined) return { wrong: "the prefix length is missing", suggestion: `${address}/${bits}` };
  if (!PREFIX.test(prefix) || Number(prefix) > bits) return { wrong: `its prefix length is not 0 to ${bits}` };
  return block(family, address, Number(prefix), bits);
}

function ipv4Fault(address: string): CidrFault | undefined {
  if (IPV4.test(address) && ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined;
  if (/(^|\.)0\d/.test(address)) return { wrong: "a leading zero is octal to some programs and decimal to others" };
  return { wrong: "it is not an IPv4 address of four decimal numbers" };
}

function ipv6Fault(address: string): CidrFault | undefined {
  if (address.includes("%")) return { wrong: "a zone has no meaning in a firewall" };
  if (address.includes(".")) return { wrong: "an IPv4 address inside an IPv6 one is not accepted" };
  return ipaddr.IPv6.isValid(address) ? undefined : { wrong: "it is not an IPv6 address" };
}

function block(family: Family, address: string, prefix: number, bits: number): Cidr | CidrFault {
  const parsed = ipaddr.parse(address);
  const value = parsed.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const size = 1n << BigInt(bits - prefix);
  const first = value - (value % size);
  const range: Range = { family, first, last: first + size - 1n };
  if (overlap(range, MAPPED) && prefix > 0) return { wrong: "it is IPv4 written as IPv6; write the IPv4 range" };
  const text = `${spell(family, first)}/${prefix}`;
  // Of a range that would be refused for its size the one address is what was meant.
  const suggestion = size > WIDEST[family] ? `${address}/${bits}` : text;
  if (value !== first) return { wrong: "it has address bits set beyond its prefix length", suggestion };
  return { ...range, text };
}

function spell(family: Family, value: bigint): string {
  const length = family === "ipv4" ? 4 : 16;
  const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
}

function overlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** Kinds of addresses that nobody connects from: no droplet ever sees one as the address of a client. */
const NOWHERE = ["unspecified", "loopback", "multicast", "broadcast", "linkLocal"];

/** Whether all of a range is of those kinds. */
export const isNowhere = ({ family, first, last }: Range): boolean =>
  last - first < WIDEST[family] &&
  [first, last].every((value) => NOWHERE.includes(ipaddr.parse(spell(family, value)).range()));

/** Whether an address is in one of the ranges. Ranges that are none count for nothing. */
export function covers(ranges: readonly string[], address: string): boolean {
  const own = parseCidr(`${address}/${address.includes(":") ? 128 : 32}`);
  if ("wrong" in own) return false;
  return ranges.map(parseCidr).some((range) => !("wrong" in range) && overlap(range, own));
}

/** Addresses of one family in the union of the ranges: what overlaps counts once. */
export function addresses(family: Family, ranges: readonly Range[]): bigint {
  const sorted = ranges.filter((range) => range.family === family).sort((a, b) => (a.first < b.first ? -1 : 1));
  let total = 0n;
  let covered = -1n;
  for (const { first, last } of sorted) {
    const from = first > covered ? first : covered + 1n;
    if (last < from) continue;
    total += last - from + 1n;
    covered = last;
  }
  return total;
}

export interface TooWide {
  /** Place in the list. */
  index: number;
  family: Family;
  /** What the ranges of that family up to that place cover. */
  share: string;
}

/** Ranges that are too wide alone, and in each family the first with which all up to it are too wide together. */
export function tooWideAt(ranges: readonly (Range | undefined)[]): TooWide[] {
  const over = { ipv4: false, ipv6: false };
  return ranges.flatMap((range, index) => {
    if (range === undefined) return [];
    const { family } = range;
    const upTo = ranges.slice(0, index + 1).filter((other) => other !== undefined);
    const isFirst = !over[family] && addresses(family, upTo) > WIDEST[family];
    over[family] ||= isFirst;
    return isFirst || addresses(family, [range]) > WIDEST[family]
      ? [{ index, family, share: share(family, upTo) }]
      : [];
  });
}

function share(family: Family, ranges: Range[]): string {
  const all = family === "ipv4" ? 1n << 32n : 1n << 128n;
  const covered = addresses(family, ranges);
  if (covered === all) return `the whole ${family === "ipv4" ? "IPv4" : "IPv6"} internet`;
  if (covered * 2n >= all) return `half of all ${family === "ipv4" ? "IPv4" : "IPv6"} addresses or more`;
  const times = covered / WIDEST[family];
  return times < 2n ? "more than that" : `${times.toLocaleString("en")} times that`;
}
