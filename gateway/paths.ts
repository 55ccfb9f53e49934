import { createHash } from "node:crypto";
import { OLLAMA_PORT } from "../lib/private-ports";

/** Where things are on the droplet. The bootstrap makes the accounts and directories, hermes-apply the files. */
export const OPENCLAW_CONFIG = "/etc/openclaw/openclaw.json";
const SECRETS_DIR = "/etc/openclaw/secrets";
export const WORKSPACES_DIR = "/var/lib/openclaw/workspaces";
export const HELPERS_DIR = "/usr/local/lib/hermes";

/** The account in which the agents' commands run. Its own sshd listens on loopback, for the gateway's key only. */
export const AGENT_ACCOUNT = "agent";
/** The agents' workspaces as that account sees them, one mount per agent. */
export const AGENT_ROOT = "/run/hermes-agent";
export const AGENT_KEYS_DIR = "/etc/openclaw/agent-ssh";

export const OLLAMA_URL = `http://127.0.0.1:${OLLAMA_PORT}`;

export const secretPath = (name: string): string => `${SECRETS_DIR}/${name}`;
export const workspacePath = (agent: string): string => `${WORKSPACES_DIR}/${agent}`;

/**
 * The folder that OpenClaw's ssh sandbox uses for an agent, below its workspaceRoot: named by a hash of the agent's id
 * and workspace path (dist/shared-*.mjs `resolveSandboxScopeKey` and dist/ssh-backend-*.mjs `buildRemoteShellRuntimeId`
 * in OpenClaw 2026.9.6; seen). Where another version names it otherwise, the agent's tools fail, because that account
 * may not make folders there: nothing runs elsewhere instead.
 */
export function sandboxFolder(agent: string): string {
  const scope = `agent:${agent}:workspace:${hash32(workspacePath(agent))}`;
  return `openclaw-ssh-workspace-${hash32(scope)}`;
}

const hash32 = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
