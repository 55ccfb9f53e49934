import { readModel } from "./models";
import { isAbsent, type Reader } from "./reader";
import type { AgentConfig, BindingConfig } from "./types";
import { checkWorkspace, readFolder, TOTAL_MAX_BYTES, type Workspace } from "./workspace";

/** OpenClaw's own pattern for ids, less the leading underscore that its configuration takes and its routing does not. */
const ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const PEER_ALLOWED = "kind: direct or group, and id: the user's or group's number in quotes (a group's starts with -).";

export interface AgentsContext {
  workspace: (folder: string) => Workspace;
  telegram: boolean;
}

/** The agents, in the order of the file. */
export function readAgents(reader: Reader, value: unknown, context: AgentsContext): Record<string, AgentConfig> {
  const key = "hermes:agents";
  const map = reader.map(key, value);
  const bindings = context.telegram ? ", bindings: [{channel: telegram}]" : "";
  const fix = `Write {main: {workspace: ./workspace/main${bindings}}}.`;
  if (Object.keys(map).length === 0 && !reader.isUnread(key))
    reader.add(key, "names no agent", "At least one agent; the first is the default.", fix);
  const agents: Record<string, AgentConfig> = {};
  for (const [id, entry] of Object.entries(map)) {
    reader.name(`${key}.${id}`, id, {
      isKey: true,
      pattern: ID,
      allowed: "Ids of lower-case letters, digits, - and _, a letter or digit first, at most 64.",
      fix: "Rename the agent; its sessions belong to the id.",
    });
    agents[id] = readAgent(reader, `${key}.${id}`, entry, context);
  }
  checkTotal(reader, agents, context);
  checkBindings(reader, agents, context);
  return agents;
}

function readAgent(reader: Reader, key: string, entry: unknown, context: AgentsContext): AgentConfig {
  const map = reader.map(key, entry, ["workspace", "model", "bindings"]);
  const workspace = readFolder(reader, `${key}.workspace`, map["workspace"]);
  if (workspace !== undefined) checkWorkspace(reader, `${key}.workspace`, workspace, context.workspace(workspace));
  const model = isAbsent(map["model"]) ? undefined : readModel(reader, `${key}.model`, map["model"]);
  const bindings = reader
    .list(`${key}.bindings`, map["bindings"], { example: "[{channel: telegram}]" })
    .map((binding, i) => readBinding(reader, `${key}.bindings[${i}]`, binding, context));
  return { workspace: workspace ?? "", ...(model === undefined ? {} : { model }), bindings };
}

function readBinding(reader: Reader, key: string, entry: unknown, context: AgentsContext): BindingConfig {
  const map = reader.map(key, entry, ["channel", "peer"]);
  const channel = reader.text(`${key}.channel`, map["channel"], {
    pattern: /^telegram$/,
    allowed: 'The one channel is "telegram".',
    fix: "Write telegram.",
  });
  if (channel !== undefined && !context.telegram)
    reader.reject(
      `${key}.channel`,
      channel,
      "that channel is not configured",
      "A binding needs its channel.",
      'Remove the binding, or set hermes:telegram: {ownerId: "123456789"}.',
    );
  if (isAbsent(map["peer"])) return { channel: "telegram" };
  return { channel: "telegram", peer: readPeer(reader, `${key}.peer`, map["peer"]) };
}

function readPeer(reader: Reader, key: string, entry: unknown): NonNullable<BindingConfig["peer"]> {
  const map = reader.map(key, entry, ["kind", "id"]);
  const fix = 'Write peer: {kind: direct, id: "123456789"}, or of a group {kind: group, id: "-1001234567890"}.';
  const kind = reader.text(`${key}.kind`, map["kind"], { pattern: /^(direct|group)$/, allowed: PEER_ALLOWED, fix });
  const pattern = kind === "group" ? /^-[1-9]\d{0,18}$/ : /^[1-9]\d{0,18}$/;
  const id = reader.text(`${key}.id`, map["id"], { pattern, allowed: PEER_ALLOWED, fix });
  return { kind: kind === "group" ? "group" : "direct", id: id ?? "" };
}

/** Every message must have exactly one agent. */
function checkBindings(reader: Reader, agents: Record<string, AgentConfig>, { telegram }: AgentsContext): void {
  const takenBy = new Map<string, string>();
  for (const [id, agent] of Object.entries(agents)) {
    agent.bindings.forEach((binding, i) => {
      const match = binding.peer ? `${binding.peer.kind} ${binding.peer.id}` : "everything else";
      const key = `hermes:agents.${id}.bindings[${i}]`;
      const other = takenBy.get(match);
      if (other !== undefined)
        reader.add(
          key,
          `takes ${match}, which agent ${other} takes`,
          "One agent per conversation.",
          "Remove it, or the other one.",
        );
      takenBy.set(match, id);
    });
  }
  const isKnown = Object.keys(agents).length > 0 && !reader.isUnread("hermes:agents");
  if (telegram && !takenBy.has("everything else") && isKnown)
    reader.add(
      "hermes:agents",
      "leave Telegram messages without an agent",
      "With hermes:telegram one agent has a binding without a peer: it answers whatever no other binding takes.",
      `Add the binding {channel: telegram} to an agent, for example ${Object.keys(agents)[0]}.`,
    );
}

function checkTotal(reader: Reader, agents: Record<string, AgentConfig>, context: AgentsContext): void {
  const bytes = Object.values(agents)
    .map(({ workspace }) => (workspace === "" ? undefined : context.workspace(workspace)))
    .flatMap((workspace) => (workspace?.kind === "folder" ? workspace.entries : []))
    .reduce((sum, entry) => sum + entry.bytes, 0);
  if (bytes <= TOTAL_MAX_BYTES) return;
  reader.add(
    "hermes:agents",
    `have workspaces of ${bytes.toLocaleString("en")} bytes in all`,
    `At most ${TOTAL_MAX_BYTES.toLocaleString("en")} bytes travel with the configuration.`,
    "Give the agents a URL or an MCP server for what is larger.",
  );
}
