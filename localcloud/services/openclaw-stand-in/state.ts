import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SCHEMAS } from "./version";

export const stateFolder = (): string => process.env["OPENCLAW_STATE_DIR"] ?? "";
const statePath = (): string => join(stateFolder(), "state", "openclaw.sqlite");
const agentsFolder = (): string => join(stateFolder(), "agents");
const agentPath = (agent: string): string => join(agentsFolder(), agent, "agent", "openclaw-agent.sqlite");

/** Another process has the state, or a newer version wrote it. */
export class StateRefused extends Error {}

const STATE_TABLES = `
  CREATE TABLE IF NOT EXISTS pairing_requests (
    channel TEXT, id TEXT, code TEXT, created TEXT, seen TEXT, meta TEXT, PRIMARY KEY (channel, id));
  CREATE TABLE IF NOT EXISTS allowed_senders (channel TEXT, id TEXT, PRIMARY KEY (channel, id));
  CREATE TABLE IF NOT EXISTS telegram_offset (id INTEGER PRIMARY KEY CHECK (id = 0), next INTEGER)`;
const AGENT_TABLES = `
  CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT, message TEXT)`;

export const openState = (): DatabaseSync => open(statePath(), SCHEMAS.state, STATE_TABLES);
export const openAgent = (agent: string): DatabaseSync => open(agentPath(agent), SCHEMAS.agent, AGENT_TABLES);

function open(path: string, schema: number, tables: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // SQLite gives the files beside it the same mode.
  if (!existsSync(path)) writeFileSync(path, "", { mode: 0o600 });
  const database = new DatabaseSync(path, { timeout: 10_000 });
  try {
    const found = versionOf(database);
    if (found > schema)
      throw new StateRefused(`${path} uses newer schema version ${found}; this version reads ${schema}`);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(tables);
    if (found < schema) database.exec(`PRAGMA user_version = ${schema}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

const versionOf = (database: DatabaseSync): number =>
  Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);

/** Every database of the state that there is. */
export const databases = (): string[] => [
  ...(existsSync(statePath()) ? [statePath()] : []),
  ...(existsSync(agentsFolder())
    ? readdirSync(agentsFolder())
        .map(agentPath)
        .filter((path) => existsSync(path))
    : []),
];

/** What a start leaves in the state folder. @throws StateRefused */
export function prepareState(): DatabaseSync {
  for (const agent of existsSync(agentsFolder()) ? readdirSync(agentsFolder()) : []) openAgent(agent).close();
  const database = openState();
  const key = join(stateFolder(), "config-journal-fingerprint.key");
  if (!existsSync(key)) writeFileSync(key, randomBytes(32), { mode: 0o600 });
  for (const folder of ["cache", "media"]) mkdirSync(join(stateFolder(), folder), { recursive: true, mode: 0o700 });
  return database;
}

/** Held until the process ends, however it ends. @throws StateRefused when another gateway has it */
export function lockState(): DatabaseSync {
  const folder = join(stateFolder(), "tmp", `openclaw-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(join(folder, "gateway.state.lock.sqlite"), { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch {
    throw new StateRefused("the Gateway or another SQLite maintenance command owns this state directory");
  }
}
