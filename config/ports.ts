import { GATEWAY_PORT, OLLAMA_PORT } from "../lib/private-ports";
import type { Reader } from "./reader";

/** The gateway's and Ollama's ports: reachable on loopback only, so no configuration may speak of them. */
const CLOSED_PORTS: Readonly<Record<string, string>> = { [GATEWAY_PORT]: "the gateway", [OLLAMA_PORT]: "Ollama" };

/** Keys whose values are digits of another kind. */
const OTHER_NUMBERS =
  /\.(sha256|fingerprint|ownerId|contextTokens|maxMonthlyUsd|keep)$|\.peer\.id$|:(volumeGiB|swapGiB|bootstrapRevision)$/;

/** Finds the closed ports in every value, however deep. */
export function checkPorts(reader: Reader, key: string, value: unknown): void {
  if (OTHER_NUMBERS.test(key) || value === null) return;
  if (Array.isArray(value)) return value.forEach((entry, i) => checkPorts(reader, `${key}[${i}]`, entry));
  if (typeof value === "object")
    return Object.entries(value).forEach(([name, entry]) => checkPorts(reader, `${key}.${name}`, entry));
  const scalar = value as string | number | boolean;
  const port = portIn(String(scalar));
  if (port === undefined) return;
  // That it needs quotes is not told of a port that cannot be.
  const inQuotes = reader.withdrawConverted(key) ? ", in quotes" : "";
  reader.reject(
    key,
    value,
    `port ${port} is ${CLOSED_PORTS[port]}'s`,
    `Ports ${GATEWAY_PORT} (the gateway) and ${OLLAMA_PORT} (Ollama) answer on the droplet's loopback only, and nothing else uses them.`,
    `Write another port${inQuotes}; from your machine reach the gateway by the tunnel that \`pulumi stack output tunnel\` shows.`,
  );
}

function portIn(text: string): string | undefined {
  const numbers = decode(text).match(/\d+/g) ?? [];
  return numbers.map((digits) => digits.replace(/^0+/, "")).find((digits) => digits in CLOSED_PORTS);
}

/** Percent-encoded digits are digits to a URL parser. */
function decode(text: string): string {
  return text.replace(/%3(\d)/g, "$1");
}
