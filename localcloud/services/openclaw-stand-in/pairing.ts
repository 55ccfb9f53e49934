import { randomInt } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { CliError, log, printJson } from "./output";
import { openState } from "./state";

/** Without those that look like others. */
const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

export function isAllowed(state: DatabaseSync, channel: string, id: string): boolean {
  return state.prepare("SELECT 1 FROM allowed_senders WHERE channel = ? AND id = ?").get(channel, id) !== undefined;
}

/** @returns the code of a sender, a new one or the one that he has; and whether he was told already */
export function requestPairing(
  state: DatabaseSync,
  channel: string,
  id: string,
  meta: object,
): { code: string; told: boolean } {
  const now = new Date().toISOString();
  const found = state.prepare("SELECT code FROM pairing_requests WHERE channel = ? AND id = ?").get(channel, id);
  if (found !== undefined) {
    state.prepare("UPDATE pairing_requests SET seen = ? WHERE channel = ? AND id = ?").run(now, channel, id);
    return { code: String(found["code"]), told: true };
  }
  const code = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
  const row = [channel, id, code, now, now, JSON.stringify(meta)];
  state.prepare("INSERT INTO pairing_requests VALUES (?, ?, ?, ?, ?, ?)").run(...row);
  return { code, told: false };
}

export function listPairing(channel: string): void {
  const state = openState();
  const rows = state.prepare("SELECT * FROM pairing_requests WHERE channel = ? ORDER BY created").all(channel);
  state.close();
  const requests = rows.map(({ id, code, created, seen, meta }) => ({
    ...{ id, code, createdAt: created, lastSeenAt: seen },
    meta: JSON.parse(String(meta)) as object,
  }));
  printJson({ channel, requests });
}

/** @throws CliError when nobody waits with that code */
export function approvePairing(channel: string, code: string): void {
  const state = openState();
  try {
    const found = state.prepare("SELECT id FROM pairing_requests WHERE channel = ? AND code = ?").get(channel, code);
    if (found === undefined) throw new CliError(`No pending pairing request found for code "${code}".`);
    const id = String(found["id"]);
    state.prepare("INSERT OR IGNORE INTO allowed_senders VALUES (?, ?)").run(channel, id);
    state.prepare("DELETE FROM pairing_requests WHERE channel = ? AND id = ?").run(channel, id);
    log("info", `Approved ${channel} sender ${id}.`);
  } finally {
    state.close();
  }
}
