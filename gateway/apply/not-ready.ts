// Why a gateway that runs is not ready: the parts that /readyz names, each with the last error that the journal has of it.
import type { Host } from "./host.ts";
import type { LogEntry } from "./log-entry.ts";
import { logEntry } from "./log-entry.ts";
import { GATEWAY, READY_URL } from "./places.ts";

const TELEGRAM_TOKEN =
  "Telegram refuses the bot's token (401). Take the current one from @BotFather: " +
  "pulumi config set --secret --path 'hermes:secrets.telegramBotToken', then pulumi up";

/** "telegram: REASON; …", one line; undefined where /readyz names nothing. Reasons are not scrubbed. */
export async function whyNotReady(host: Host): Promise<string | undefined> {
  const parts = failingParts(await host.get(READY_URL, 3000));
  if (parts.length === 0) return undefined;
  const args = ["--quiet", "--output=cat", `--unit=${GATEWAY}`, "--lines=500"];
  const { stdout } = await host.run("journalctl", args);
  const entries = stdout.split("\n").flatMap((line) => logEntry(line) ?? []);
  return parts.map((part) => `${part}: ${reasonOf(part, entries)}`).join("; ");
}

function failingParts(body: string | undefined): string[] {
  try {
    const { failing } = JSON.parse(body ?? "") as { failing?: unknown };
    return Array.isArray(failing) ? failing.map(String) : [];
  } catch {
    return [];
  }
}

/** Of the channel's own subsystem, `channels/telegram` and the like: other parts may quote what people said. */
function reasonOf(part: string, entries: readonly LogEntry[]): string {
  const last = entries.findLast(
    ({ level, subsystem }) => level === "error" && subsystem?.endsWith(`channels/${part}`) === true,
  );
  const message = last?.message?.replace(/\s+/g, " ").trim().slice(0, 400) ?? "";
  if (part === "telegram" && /\b401\b|unauthorized/i.test(message)) return TELEGRAM_TOKEN;
  return message === "" ? "not ready, and the journal names no error of it" : message;
}
