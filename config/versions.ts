import { DEFAULTS, NODE_DIGESTS, OLLAMA_DIGESTS } from "./keys";
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
    fix: 'For example version: "2026.9.6"; `npm view openclaw versions` lists them.',
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
      `Give the day after the publication of ${version}: npm view openclaw time.`,
    );
  return { version: version ?? "", before: before ?? "" };
}

function readDate(reader: Reader, key: string, value: unknown): string | undefined {
  const rule = {
    allowed: "A day as YYYY-MM-DD, in quotes: npm takes nothing newer, so the dependencies stay as they were then.",
    fix: "Give the day after the version's publication: npm view openclaw time.",
  };
  // `pulumi config set` and the engine turn an unquoted date into this.
  const unquoted = /^(\d{4}-\d\d-\d\d) 00:00:00 \+0000 UTC$/.exec(String(value));
  if (unquoted) {
    reader.reject(key, value, "YAML reads it as a point in time", rule.allowed, `Put it in quotes: "${unquoted[1]}".`);
    return undefined;
  }
  const text = reader.text(key, value, { ...rule, pattern: /^\d{4}-\d\d-\d\d$/ });
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
    fix: `Write version: "${DEFAULTS.nodeVersion}".`,
  });
  return { version: version ?? "" };
}

const DIGEST = /^[0-9a-f]{64}$/;

export function readSources(reader: Reader, value: unknown, nodeVersion: string): SourcesConfig {
  const key = "hermes:sources";
  const map = reader.map(key, value, ["node", "ollama", "tailscale"]);
  return {
    node: readNodeSource(reader, `${key}.node`, map["node"], nodeVersion),
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
  const known = NODE_DIGESTS[version];
  const sha256 = reader.text(`${key}.sha256`, lowerCase(map["sha256"]), {
    default: known,
    pattern: DIGEST,
    allowed: `64 hexadecimal digits; hermes itself knows those of Node ${Object.keys(NODE_DIGESTS).join(", ")}.`,
    fix: `It stands in https://nodejs.org/dist/v${version || "VERSION"}/SHASUMS256.txt, in the line of linux-x64.tar.xz.`,
  });
  return { url: url ?? "", sha256: sha256 ?? "" };
}

function readOllamaSource(reader: Reader, key: string, value: unknown): SourcesConfig["ollama"] {
  const map = reader.map(key, value, ["url", "sha256"]);
  const url = readUrl(reader, `${key}.url`, map["url"], {
    default: DEFAULTS.ollamaUrl,
    allowed: `The https URL of Ollama ${OLLAMA_VERSION} for linux-amd64, a .tar.zst; {version} in it stands for that version.`,
    fix: `Write ${DEFAULTS.ollamaUrl}, or leave the key out.`,
  });
  const sha256 = reader.text(`${key}.sha256`, lowerCase(map["sha256"]), {
    default: OLLAMA_DIGESTS[OLLAMA_VERSION],
    pattern: DIGEST,
    allowed: "64 hexadecimal digits, the SHA-256 of that file.",
    fix: `Leave the key out: hermes knows the one of Ollama ${OLLAMA_VERSION}.`,
  });
  return { url: url ?? "", sha256: sha256 ?? "" };
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
      fix: `Show it with: gpg --show-keys KEYFILE. ${leaveOut}`,
    }),
  };
  return {
    url: read.url ?? "",
    suite: read.suite ?? "",
    keyUrl: read.keyUrl ?? "",
    fingerprint: read.fingerprint ?? "",
  };
}

function lowerCase(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function squeeze(value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll(" ", "").toUpperCase() : value;
}
