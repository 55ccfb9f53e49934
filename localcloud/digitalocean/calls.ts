import { appendFileSync, mkdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname } from "node:path";

/** One request as it is remembered. User data and secrets never are. */
export interface LoggedCall {
  /** ISO 8601, milliseconds. */
  t: string;
  method: string;
  path: string;
  query?: Record<string, string>;
  /** Undefined when the connection was cut. */
  status?: number;
  body?: unknown;
}

const KEPT = 5000;
const SECRET_NAME = /user_data|password|secret|token|private/i;

/** Replaces what may hold a secret by its length and digest, so that logs can still tell two values apart. */
export function withoutSecrets(value: unknown, name = ""): unknown {
  if (typeof value === "string" && SECRET_NAME.test(name)) {
    return `[${name}: ${Buffer.byteLength(value)} bytes, sha1 ${createHash("sha1").update(value).digest("hex")}]`;
  }
  if (Array.isArray(value)) return value.map((entry) => withoutSecrets(entry, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withoutSecrets(entry, key)]));
}

/** The last calls in memory, all of them in a file of JSON lines. */
export class CallLog {
  readonly calls: LoggedCall[] = [];

  constructor(private readonly file: string) {
    mkdirSync(dirname(file), { recursive: true });
  }

  add(call: LoggedCall): void {
    this.calls.push(call);
    if (this.calls.length > KEPT) this.calls.shift();
    appendFileSync(this.file, `${JSON.stringify(call)}\n`, { mode: 0o600 });
  }
}
