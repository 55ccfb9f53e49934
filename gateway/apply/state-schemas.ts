// state-schemas.ts FOLDER: which formats the databases of OpenClaw's state have, the newest of each kind, as one JSON
// line. A program of its own, run in the gateway's account: what agents may have written is not opened by root. Reads
// through SQLite, since what a running gateway wrote may still stand beside the database.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

function versionOf(file: string): number {
  if (!existsSync(file)) return 0;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  } finally {
    database.close();
  }
}

const folder = process.argv[2] ?? "";
const agents = join(folder, "agents");
const files = existsSync(agents)
  ? readdirSync(agents).map((id) => join(agents, id, "agent", "openclaw-agent.sqlite"))
  : [];
const state = versionOf(join(folder, "state", "openclaw.sqlite"));
process.stdout.write(`${JSON.stringify({ state, agent: Math.max(0, ...files.map(versionOf)) })}\n`);
