import ipaddr from "ipaddr.js";
import { hidesCredential } from "./credentials";
import type { Reader } from "./reader";

export interface UrlRule {
  default?: string;
  allowed: string;
  fix: string;
  /** Plain http is accepted to private, loopback and tailnet hosts. */
  privateHttp?: boolean;
}

/** Not by URL.canParse: Node 20's, once it is optimised, refuses the letters of Latin-1 that its constructor takes. */
export function urlIn(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** A URL without credentials in it and without characters that mean something to a shell. */
export function readUrl(reader: Reader, key: string, value: unknown, rule: UrlRule): string | undefined {
  const text = reader.text(key, value, { ...rule, isValid: (url) => urlFault(url, rule) === undefined });
  if (text === undefined) return undefined;
  const wrong = urlFault(text, rule);
  if (wrong === undefined) return text;
  const isHidden = wrong === CREDENTIALS || /:[^/]*@/.test(text);
  reader.reject(key, isHidden ? "[hidden]" : text, wrong, rule.allowed, urlFix(text, wrong, rule));
  return undefined;
}

const CREDENTIALS = "it holds a user name or password";

/** The scheme is all that is wrong, or missing, unless nobody outside could answer. */
function urlFix(text: string, wrong: string, rule: UrlRule): string {
  // As it is sent: percent signs in its path, Punycode in its host.
  if (wrong === NOT_ASCII && !hidesCredential(text)) {
    const { href } = new URL(text);
    return urlFault(href, rule) === undefined ? `Write ${href}.` : rule.fix;
  }
  const secure = text.replace(/^(?:(?:http|wss?):\/\/)?(?=[\w-]+(?:\.[\w-]+)+(?:[:/]|$))/i, "https://");
  const isAddress = (wrong === NOT_HTTPS || wrong === NO_URL) && secure !== text;
  const isRight =
    isAddress && !hidesCredential(text) && urlFault(secure, rule) === undefined && !isPrivate(new URL(secure).hostname);
  return isRight ? `Write ${secure}.` : rule.fix;
}

const NO_URL = "it is not a URL";

const NOT_ASCII = "it has characters that curl and others do not take as they are";

const NOT_HTTPS = "it is not https";

function urlFault(text: string, rule: UrlRule): string | undefined {
  const url = urlIn(text);
  if (url === undefined || !/^[a-z]+:\/\/[^/]/i.test(text)) return NO_URL;
  if (url.username !== "" || url.password !== "") return CREDENTIALS;
  if (/[\s"'`$\\<>|;]/.test(text)) return "it has characters that do not belong in a URL";
  if (/[^\x20-\x7e]/.test(text)) return NOT_ASCII;
  if (metadata(url.hostname)) return "it is the droplet's metadata service";
  if (url.protocol === "https:") return undefined;
  if (url.protocol === "http:" && rule.privateHttp && isPrivate(url.hostname)) return undefined;
  return NOT_HTTPS;
}

function metadata(host: string): boolean {
  const address = parseAddress(host);
  return address !== undefined && address.range() === "linkLocal";
}

function isPrivate(host: string): boolean {
  if (isLocalName(host)) return true;
  const range = parseAddress(host)?.range();
  return (
    range !== undefined && ["unspecified", "private", "loopback", "carrierGradeNat", "uniqueLocal"].includes(range)
  );
}

/** A name of MagicDNS or of the local network: no public host has one of one label, or in these domains. */
export const isLocalName = (host: string): boolean =>
  /^[a-z0-9-]*[a-z-][a-z0-9-]*$/.test(host) || /\.(ts\.net|local|internal|home\.arpa)$/.test(host);

/** The address that a host of a URL is; undefined for a name. */
export function parseAddress(host: string) {
  const bare = host.replace(/^\[|\]$/g, "");
  // Of a name it would make an error with its stack, only to say no.
  return /^[\d.]+$|:/.test(bare) && ipaddr.isValid(bare) ? ipaddr.process(bare) : undefined;
}
