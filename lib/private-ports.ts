/** OpenClaw's gateway. */
export const GATEWAY_PORT = 18789;

/** The SSH server of the agents' account. */
export const AGENT_SSH_PORT = 2222;

export const OLLAMA_PORT = 11434;

/**
 * Ports that answer on the droplet's loopback only. gateway/apply, which imports nothing of the project, has the same list
 * in doctor-network.ts; a test compares.
 */
export const PRIVATE_PORTS: readonly number[] = [GATEWAY_PORT, AGENT_SSH_PORT, OLLAMA_PORT];
