// What a recording has of one run only, made the same for every run.
import { HELPERS_DIR } from "../../gateway/paths";
import { isMap } from "../../lib/maps";
import { UNKNOWN } from "../../operations/review/stack";

const STEP_KEYS = ["op", "urn", "oldState", "newState", "diffReasons", "replaceReasons", "detailedDiff"];
const STATE_KEYS = ["urn", "type", "id", "inputs", "outputs", "protect"];
/** When it was, and where. */
const DROPPED = ["createdAt", "expiresAt", "created", "modified"];
const OWN_WARNING = /using pulumi-|is expected to have version/;

type Json = Record<string, unknown>;
const pick = (value: unknown, keys: readonly string[]): Json =>
  Object.fromEntries(Object.entries(isMap(value) ? value : {}).filter(([key]) => keys.includes(key)));

/** Of a document of `pulumi preview --json` what a report reads, without what is long and never in a report. */
export function trimmedPreview(document: unknown): Json {
  const { config, steps, diagnostics, changeSummary } = document as Json;
  const step = (each: unknown): Json => {
    const kept = pick(each, STEP_KEYS);
    for (const side of ["oldState", "newState"]) if (isMap(kept[side])) kept[side] = trimmedState(kept[side]);
    return kept;
  };
  return {
    config,
    steps: ((steps ?? []) as unknown[]).map(step),
    diagnostics: ((diagnostics ?? []) as Json[]).filter(({ message }) => !OWN_WARNING.test(String(message))),
    changeSummary,
  };
}

export const trimmedResources = (exported: unknown): Json[] => {
  const { deployment } = exported as { deployment?: { resources?: unknown[] } };
  return (deployment?.resources ?? []).map(trimmedState);
};

function trimmedState(state: unknown): Json {
  const kept = pick(state, STATE_KEYS);
  for (const side of ["inputs", "outputs"]) if (isMap(kept[side])) kept[side] = withoutOwn(kept[side]);
  // A command's outputs repeat what it was given.
  if (isMap(kept["outputs"])) delete kept["outputs"]["stdin"];
  return kept;
}

const withoutOwn = (properties: Json): Json =>
  Object.fromEntries(
    Object.entries(properties)
      .filter(([key]) => !key.startsWith("__") && !DROPPED.includes(key))
      .map(([key, value]) => [key, key === "stdin" ? shortBundle(value) : isEncrypted(value) ? "[secret]" : value]),
  );

const isEncrypted = (value: unknown): boolean => isMap(value) && "4dabf18193072939515e22adb298388d" in value;

/** Programs and units by name only. */
function shortBundle(stdin: unknown): unknown {
  if (isEncrypted(stdin)) return "[secret]";
  if (typeof stdin !== "string" || !stdin.startsWith("{")) return stdin;
  const bundle = JSON.parse(stdin) as Json;
  const files = (bundle["files"] ?? {}) as Record<string, Json>;
  for (const [path, file] of Object.entries(files))
    if (path.startsWith(`${HELPERS_DIR}/`) || path.endsWith(".service"))
      files[path] = { ...file, base64: undefined, text: ["…", ""] };
  const apply = bundle["apply"];
  if (isMap(apply)) bundle["apply"] = {};
  return `${JSON.stringify(bundle, null, 2)}\n`;
}

/** One for all documents of a recording: what is the same in two of them stays the same. */
export class Normaliser {
  private readonly names = new Map<string, string>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly project: string) {}

  text(text: string): string {
    return text
      .replaceAll(this.project, "/project")
      .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:1")
      .replace(/127\.77\.\d+\./g, "100.64.0.")
      .replace(/ssh-ed25519 [A-Za-z0-9+/]+=*/g, (found) => this.as("key", found, (n) => `ssh-ed25519 AAAA${n}`))
      .replace(/\b(?:[0-9a-f]{2}:){15}[0-9a-f]{2}\b/g, (found) =>
        this.as("print", found, (n) => `${"00:".repeat(15)}${hex(n, 2)}`),
      )
      .replace(/\b[0-9a-f]{64}\b/g, (found) => this.as("hash", found, (n) => hex(n, 64)))
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, (found) =>
        found === UNKNOWN ? found : this.as("uuid", found, (n) => `00000000-0000-4000-8000-${hex(n, 12)}`),
      )
      .replace(/\b100\d{3}\b/g, (found) => this.as("id", found, (n) => String(400_000 + n)));
  }

  private as(kind: string, found: string, named: (n: number) => string): string {
    const key = `${kind} ${found}`;
    const known = this.names.get(key);
    if (known !== undefined) return known;
    const n = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, n);
    const name = named(n);
    this.names.set(key, name);
    return name;
  }
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");
