import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One line of apt sources, whatever style it was written in. */
export interface AptSource {
  uri: string;
  suite: string;
  components: string[];
}

/** Reads one-line (`deb …`) and deb822 (`Types: deb`) text; other types and disabled stanzas are left out. */
export function parseAptSources(text: string, style: "list" | "sources"): AptSource[] {
  return style === "list" ? text.split("\n").flatMap(parseLine) : text.split(/\n\s*\n/).flatMap(parseStanza);
}

function parseLine(line: string): AptSource[] {
  const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
  if (match === null) return [];
  const [, uri = "", suite = "", components = ""] = match;
  return [{ uri: trimSlash(uri), suite, components: words(components) }];
}

function parseStanza(stanza: string): AptSource[] {
  const lines = stanza.split("\n").filter((line) => !line.startsWith("#"));
  const unfolded = lines.join("\n").replace(/\n[ \t]+/g, " ");
  const field = (name: string) => words(new RegExp(`^${name}:(.*)$`, "im").exec(unfolded)?.[1] ?? "");
  if (!field("Types").includes("deb") || field("Enabled")[0]?.toLowerCase() === "no") return [];
  const components = field("Components");
  return field("URIs").flatMap((uri) => field("Suites").map((suite) => ({ uri: trimSlash(uri), suite, components })));
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
const trimSlash = (uri: string): string => uri.replace(/\/+$/, "");

/**
 * The sources of another Debian release from the mirrors that this machine uses: base, updates and security, as far as
 * the machine has them.
 *
 * @throws when the machine has no Debian source of its own release to take the mirror from.
 */
export function sourcesForRelease(machine: AptSource[], machineRelease: string, release: string): AptSource[] {
  const counterpart = (suffix: string) => {
    const found = machine.find((s) => s.suite === `${machineRelease}${suffix}` && s.components.includes("main"));
    return found === undefined ? [] : [{ uri: found.uri, suite: `${release}${suffix}`, components: ["main"] }];
  };
  const base = counterpart("");
  if (base.length === 0) {
    throw new Error(
      `No Debian mirror found: /etc/apt has no "deb URL ${machineRelease || "RELEASE"} main".\n` +
        "  Droplets of the embedded cloud are built from the mirror that this machine's own apt uses.\n" +
        "  Run on Debian, or add a Debian source to /etc/apt/sources.list.d.",
    );
  }
  return [...base, ...counterpart("-updates"), ...counterpart("-security")];
}

/** What this machine's apt reads, in its order. */
export function machineAptSources(etc = "/etc"): AptSource[] {
  const parts = join(etc, "apt", "sources.list.d");
  const files = existsSync(parts)
    ? readdirSync(parts)
        .sort()
        .map((name) => join(parts, name))
    : [];
  return [join(etc, "apt", "sources.list"), ...files].filter(existsSync).flatMap((path) => {
    if (path.endsWith(".list")) return parseAptSources(readFileSync(path, "utf8"), "list");
    if (path.endsWith(".sources")) return parseAptSources(readFileSync(path, "utf8"), "sources");
    return [];
  });
}

/** This machine's release by its code name, from os-release(5). */
export function machineRelease(etc = "/etc"): string {
  const release = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync(join(etc, "os-release"), "utf8"))?.[1] ?? "";
  return release.replaceAll('"', "");
}

export const renderSources = (sources: AptSource[]): string =>
  sources.map(({ uri, suite, components }) => `deb ${uri} ${suite} ${components.join(" ")}\n`).join("");
