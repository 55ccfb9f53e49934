import { DEFAULTS, FIRST_INSTALL, NODE_DIGESTS, OLLAMA_DIGESTS, OPENCLAW_DIGESTS } from "./keys";
import type { Reader } from "./reader";
import { OLLAMA_VERSION, type NodeConfig, type OpenclawConfig, type SourcesConfig } from "./types";
import { readUrl } from "./urls";

const OPENCLAW = /^(20\d\d)\.([1-9]|1[0-2])\.(0|[1-9]\d*)(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$/;

export function readOpenclaw(reader: Reader, value: unknown): OpenclawConfig {
  const key = "hermes:openclaw";
  const map = reader.map(key, value, ["version", "before"]);
  const version = reader.text(`${key}.version`, map["version"], {
    pattern: OPENCLAW,
    allowed: "One exact version as on npm, in quotes; no range, no tag such as latest.",
    fix: 'Write "2026.9.6"; `npm view openclaw versions` lists the others.',
  });
  const before = readDate(reader, `${key}.before`, map["before"]);
  const [, year, month] = OPENCLAW.exec(version ?? "") ?? [];
  const earliest = `${year}-${month?.padStart(2, "0")}-02`;
  if (before !== undefined && year !== undefined && before < earliest)
    reader.reject(
      `${key}.before`,
      before,
      `openclaw ${version} was not published by then`,
      "npm sees only what was published before that day.",
      DAY_FIX,
    );
  return { version: version ?? "", before: before ?? "" };
}

const DAY_FIX =
  'Write the day after the publication of the version, such as "2026-09-25" for 2026.9.6; `npm view openclaw time` tells it.';

function readDate(reader: Reader, key: string, value: unknown): string | undefined {
  const rule = {
    allowed: "A day as YYYY-MM-DD, in quotes: npm takes nothing newer, so the dependencies stay as they were then.",
    fix: DAY_FIX,
  };
  // `pulumi config set` and the engine turn an unquoted date into this.
  const unquoted = /^(\d{4}-\d\d-\d\d) 00:00:00 \+0000 UTC$/.exec(String(value));
  if (unquoted) {
    reader.reject(
      key,
      value,
      "YAML reads it as a point in time",
      rule.allowed,
      `Put it in quotes: before: "${unquoted[1]}".`,
    );
    return undefined;
  }
  const text = reader.text(key, value, { ...rule, pattern: /^\d{4}-\d\d-\d\d$/, isValid: isDay });
  if (text === undefined || isDay(text)) return text;
  reader.reject(key, text, "there is no such day", rule.allowed, rule.fix);
  return undefined;
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

export function readNode(reader: Reader, value: unknown): NodeConfig {
  const key = "hermes:node";
  const map = reader.map(key, value, ["version"]);
  const version = reader.text(`${key}.version`, map["version"], {
    default: DEFAULTS.nodeVersion,
    pattern: /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/,
    allowed: "One exact version, one that OpenClaw runs on.",
    fix: `Write "${DEFAULTS.nodeVersion}".`,
  });
  return { version: version ?? "" };
}

const DIGEST = /^[0-9a-f]{64}$/;

/** The versions that the digests belong to. */
export interface SourceVersions {
  node: string;
  openclaw: string;
}

export function readSources(reader: Reader, value: unknown, versions: SourceVersions): SourcesConfig {
  const key = "hermes:sources";
  const map = reader.map(key, value, ["node", "ollama", "openclaw", "tailscale"]);
  return {
    node: readNodeSource(reader, `${key}.node`, map["node"], versions.node),
    openclaw: readOpenclawSource(reader, `${key}.openclaw`, map["openclaw"], versions.openclaw),
    ollama: readOllamaSource(reader, `${key}.ollama`, map["ollama"]),
    tailscale: readTailscaleSource(reader, `${key}.tailscale`, map["tailscale"]),
  };
}

function readNodeSource(reader: Reader, key: string, value: unknown, version: string): SourcesConfig["node"] {
  const map = reader.map(key, value, ["url", "sha256"]);
  const url = readUrl(reader, `${key}.url`, map["url"], {
    default: DEFAULTS.nodeUrl,
    allowed: "The https URL of a linux-x64 .tar.xz of Node; {version} in it stands for hermes:node.version.",
    fix: `Write ${DEFAULTS.nodeUrl}, or leave the key out.`,
  });
  if (url !== undefined) checkNodeUrl(reader, `${key}.url`, url, version);
  // A version that is wrong is told already.
  if (version === "" && map["sha256"] === undefined) return { url: url ?? "", sha256: "" };
  const known = NODE_DIGESTS[version];
  const sha256 = reader.text(`${key}.sha256`, bareDigest(map["sha256"], "linux-x64.tar.xz"), {
    default: known,
    pattern: DIGEST,
    allowed: `64 hexadecimal digits; hermes itself knows those of Node ${Object.keys(NODE_DIGESTS).join(", ")}.`,
    fix: known !== undefined && url === DEFAULTS.nodeUrl ? KNOWN_DIGEST : shasums(version),
  });
  refuseDigestOfAnother(reader, `${key}.sha256`, sha256, {
    ...{ digests: NODE_DIGESTS, name: "Node", versionKey: "hermes:node.version", version },
    ...{ what: `The SHA-256 of node-v${version}-linux-x64.tar.xz`, unknown: shasums(version) },
  });
  return { url: url ?? "", sha256: sha256 ?? "" };
}

/** What the name of a file of nodejs.org tells of it. Another name is that of a mirror, and can be anything. */
const NODE_FILE = /\/node-v([^/]*?)-([a-z0-9]+-[a-z0-9]+)\.(tar\.\w+|zip)$/;

function checkNodeUrl(reader: Reader, key: string, url: string, version: string): void {
  const wrong = nodeUrlFault(url, version);
  if (wrong === undefined) return;
  const [, named = ""] = NODE_FILE.exec(url) ?? [];
  const right = isOfNode(url)
    ? DEFAULTS.nodeUrl
    : url.replace(/node-v[^/]*$/, "node-v{version}-linux-x64.tar.xz").replace(`/v${named}/`, "/v{version}/");
  reader.reject(key, url, wrong, "A linux-x64 .tar.xz of hermes:node.version.", `Write ${right}.`);
}

const isOfNode = (url: string): boolean => /(^|\.)nodejs\.org$/.test(new URL(url).hostname);

function nodeUrlFault(url: string, version: string): string | undefined {
  const [, named = "", platform = "", archive = ""] = NODE_FILE.exec(url) ?? [];
  if (named === "") return isOfNode(url) ? "it is not the address of an archive" : undefined;
  // Of nodejs.org the folder is a version's, too; a mirror has folders of its own.
  const folder = isOfNode(url) ? /\/v(\d+\.\d+\.\d+)\//.exec(url)?.[1] : undefined;
  return (
    nodeFileFault({ named: folder ?? named, platform, archive }, version) ??
    nodeFileFault({ named, platform, archive }, version)
  );
}

interface NodeFile {
  named: string;
  platform: string;
  archive: string;
}

function nodeFileFault({ named, platform, archive }: NodeFile, version: string): string | undefined {
  if (platform !== "linux-x64") return `it is Node for ${platform}, and droplets are linux-x64`;
  if (archive !== "tar.xz") return `it is a .${archive}, and the droplet unpacks a .tar.xz`;
  // A version that is wrong is told already.
  const isRight = [version, "{version}"].includes(named) || version === "";
  return isRight ? undefined : `it is Node ${named}, and hermes:node.version is ${version}`;
}

function readOpenclawSource(reader: Reader, key: string, value: unknown, version: string): SourcesConfig["openclaw"] {
  const map = reader.map(key, value, ["sha256"]);
  // A version that is wrong is told already.
  if (version === "" && map["sha256"] === undefined) return { sha256: "" };
  const known = OPENCLAW_DIGESTS[version];
  const versions = Object.keys(OPENCLAW_DIGESTS).join(", ");
  const sha256 = reader.text(`${key}.sha256`, bareDigest(map["sha256"]), {
    default: known,
    pattern: new RegExp(`${DIGEST.source}|^${FIRST_INSTALL}$`),
    allowed:
      `64 hexadecimal digits, or ${FIRST_INSTALL}; hermes itself knows the digests of OpenClaw ${versions}. ` +
      `With ${FIRST_INSTALL} the droplet takes OpenClaw ${version} once as the registry serves it, and compares from then on.`,
    fix: `Write "${FIRST_INSTALL}", or set hermes:openclaw.version to one of ${versions}.`,
  });
  refuseDigestOfAnother(reader, `${key}.sha256`, sha256, {
    ...{ digests: OPENCLAW_DIGESTS, name: "OpenClaw", versionKey: "hermes:openclaw.version", version },
    ...{ what: `The digest of OpenClaw ${version} with its dependencies`, unknown: `Write "${FIRST_INSTALL}".` },
  });
  return { sha256: sha256 ?? "" };
}

interface Digested {
  /** Those that hermes knows, by version. */
  digests: Readonly<Record<string, string>>;
  name: string;
  versionKey: string;
  version: string;
  /** What the digest is of. */
  what: string;
  /** What to do if hermes does not know the digest of the version. */
  unknown: string;
}

/** A digest that was left behind would be found out on the droplet only. A mirror may have an archive of its own. */
function refuseDigestOfAnother(reader: Reader, key: string, sha256: string | undefined, of: Digested): void {
  const { digests, name, versionKey, version, what, unknown } = of;
  const other = Object.keys(digests).find((each) => each !== version && digests[each] === sha256);
  const known = digests[version];
  if (other === undefined) return;
  reader.reject(
    key,
    sha256,
    `it is that of ${name} ${other}, and ${versionKey} is ${version}`,
    `${what}${known === undefined ? "" : `: ${known}`}.`,
    known === undefined ? unknown : KNOWN_DIGEST,
  );
}

const KNOWN_DIGEST = "Remove the key: hermes knows the digest.";

const shasums = (version: string): string =>
  `It stands in https://nodejs.org/dist/v${version || "VERSION"}/SHASUMS256.txt, in the line of linux-x64.tar.xz.`;

function readOllamaSource(reader: Reader, key: string, value: unknown): SourcesConfig["ollama"] {
  const map = reader.map(key, value, ["url", "sha256"]);
  const url = readUrl(reader, `${key}.url`, map["url"], {
    default: DEFAULTS.ollamaUrl,
    allowed: `The https URL of Ollama ${OLLAMA_VERSION} for linux-amd64, a .tar.zst; {version} in it stands for that version.`,
    fix: `Write ${DEFAULTS.ollamaUrl}, or leave the key out.`,
  });
  if (url !== undefined) checkOllamaUrl(reader, `${key}.url`, url);
  const sha256 = reader.text(`${key}.sha256`, bareDigest(map["sha256"], "linux-amd64.tar.zst"), {
    default: OLLAMA_DIGESTS[OLLAMA_VERSION],
    pattern: DIGEST,
    allowed: "64 hexadecimal digits, the SHA-256 of that file.",
    fix: `Leave the key out: hermes knows the one of Ollama ${OLLAMA_VERSION}.`,
  });
  return { url: url ?? "", sha256: sha256 ?? "" };
}

/** Releases have the version in a folder and the platform in the file's name. A mirror may have other names. */
function checkOllamaUrl(reader: Reader, key: string, url: string): void {
  const { hostname, pathname } = new URL(url);
  const file = pathname.split("/").at(-1) ?? "";
  const isOfficial = /(^|\.)(ollama\.com|github\.com)$/.test(hostname);
  const named = /\/v?(\d+\.\d+\.\d+)(?=\/)/.exec(pathname)?.[1];
  const wrong =
    named !== undefined && named !== OLLAMA_VERSION
      ? `it is Ollama ${named}, and hermes installs ${OLLAMA_VERSION}`
      : (isOfficial || /^ollama/i.test(file)) && file !== "ollama-linux-amd64.tar.zst"
        ? "it is not the archive for linux-amd64"
        : undefined;
  if (wrong === undefined) return;
  const fix = `Write ${DEFAULTS.ollamaUrl}, or leave the key out.`;
  reader.reject(key, url, wrong, `ollama-linux-amd64.tar.zst of Ollama ${OLLAMA_VERSION}.`, fix);
}

function readTailscaleSource(reader: Reader, key: string, value: unknown): SourcesConfig["tailscale"] {
  const map = reader.map(key, value, ["url", "suite", "keyUrl", "fingerprint"]);
  const { url, suite, keyUrl, fingerprint } = DEFAULTS.tailscale;
  const leaveOut = "Leave the key out to use Tailscale's own.";
  const read = {
    url: readUrl(reader, `${key}.url`, map["url"], { default: url, allowed: "An https URL.", fix: leaveOut }),
    suite: reader.text(`${key}.suite`, map["suite"], {
      default: suite,
      pattern: /^[a-z][a-z0-9./-]*$/,
      allowed: "A suite of the apt repository, such as trixie.",
      fix: leaveOut,
    }),
    keyUrl: readUrl(reader, `${key}.keyUrl`, map["keyUrl"], {
      default: keyUrl,
      allowed: "An https URL.",
      fix: leaveOut,
    }),
    fingerprint: reader.text(`${key}.fingerprint`, squeeze(map["fingerprint"]), {
      default: fingerprint,
      pattern: /^[0-9A-F]{40}$/,
      allowed: "40 hexadecimal digits, in quotes; spaces between them do not matter.",
      fix: `${leaveOut} Of another key, gpg --show-keys KEYFILE tells it.`,
    }),
  };
  return {
    url: read.url ?? "",
    suite: read.suite ?? "",
    keyUrl: read.keyUrl ?? "",
    fingerprint: read.fingerprint ?? "",
  };
}

/**
 * Also as it is copied: `sha256:…`, or a whole line of SHASUMS256.txt.
 *
 * @param ending of the name of the file that is wanted, which such a line holds
 */
function bareDigest(value: unknown, ending = ""): unknown {
  if (typeof value !== "string") return value;
  const [, digest, file = ending] = /^(?:sha256[:-])?([0-9a-f]{64})(?:\s+\*?(\S+))?$/i.exec(value.trim()) ?? [];
  return digest === undefined || !file.endsWith(ending) ? value : digest.toLowerCase();
}

function squeeze(value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll(" ", "").toUpperCase() : value;
}
