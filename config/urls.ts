import ipaddr from "ipaddr.js";
import type { Reader } from "./reader";

export interface UrlRule {
  default?: string;
  allowed: string;
  fix: string;
  /** Plain http is accepted to private, loopback and tailnet hosts. */
  privateHttp?: boolean;
}

/** A URL without credentials in it and without characters that mean something to a shell. */
export function readUrl(reader: Reader, key: string, value: unknown, rule: UrlRule): string | undefined {
  const text = reader.text(key, value, rule);
  if (text === undefined) return undefined;
  const wrong = urlFault(text, rule);
  if (wrong === undefined) return text;
  reader.reject(key, wrong === CREDENTIALS ? "[hidden]" : text, wrong, rule.allowed, rule.fix);
  return undefined;
}

const CREDENTIALS = "it holds a user name or password";

function urlFault(text: string, rule: UrlRule): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^[a-z]+:\/\/[^/]/i.test(text)) return "it is not a URL";
  if (url.username !== "" || url.password !== "") return CREDENTIALS;
  if (/[\s"'`$\\<>|;]/.test(text)) return "it has characters that do not belong in a URL";
  if (metadata(url.hostname)) return "it is the droplet's metadata service";
  if (url.protocol === "https:") return undefined;
  if (url.protocol === "http:" && rule.privateHttp && isPrivate(url.hostname)) return undefined;
  return "it is not https";
}

function metadata(host: string): boolean {
  const address = parseAddress(host);
  return address !== undefined && address.range() === "linkLocal";
}

function isPrivate(host: string): boolean {
  if (host === "localhost" || host.endsWith(".ts.net")) return true;
  const range = parseAddress(host)?.range();
  return range !== undefined && ["private", "loopback", "carrierGradeNat", "uniqueLocal"].includes(range);
}

function parseAddress(host: string) {
  const bare = host.replace(/^\[|\]$/g, "");
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : undefined;
}
