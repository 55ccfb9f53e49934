// Where hermes-apply keeps its own things, and what it knows by name.
/** flock holds it for the whole of a run. */
export const LOCK = "/run/hermes/apply.lock";
/** The same for a run that sends backups: it may take an hour, and must not keep an `up` waiting. */
export const BACKUP_LOCK = "/run/hermes/backup.lock";
export const STAGE = "/var/lib/hermes/stage";
export const APPLIED = "/var/lib/hermes/applied";
export const TRANSACTION = "/var/lib/hermes/transaction";
/** A backup in the making, and an encrypted one until it was fetched. */
export const BACKUP = "/var/lib/hermes/backup";
/** Encrypted backups on their way into the bucket. */
export const UPLOAD = "/var/lib/hermes/upload";
/** An encrypted backup that the bucket has not got yet. */
export const PENDING = "/var/lib/hermes/backup-pending";
/** The bucket; absent: there is none. */
export const BACKUP_CONFIG = "/etc/hermes/backup.json";
export const BACKUP_TIMER = "hermes-backup.timer";
export const BACKUP_SERVICE = "hermes-backup.service";
/** Where STATE is mounted from, and beside it, on the same file system, what a restore needs. */
export const STATE_HOME = "/srv/hermes/openclaw";
export const RESTORE = "/srv/hermes/restore";
/** What was in the way of a managed file, and where it is kept. */
export const SET_ASIDE = "/var/lib/hermes/set-aside.json";
/** openclaw.json for a command that a person typed. In a folder that only root enters. */
export const TYPED_CONFIG = "/run/hermes/typed.json";
/** In the same folder. */
export const VALIDATION = "/run/hermes/validate";

export const OPENCLAW_CONFIG = "/etc/openclaw/openclaw.json";
export const OPENCLAW_ENVIRONMENT = "/etc/openclaw/environment";
export const SECRETS = "/etc/openclaw/secrets";
/** The folder of OpenClaw's log file. */
export const OPENCLAW_LOGS = "/var/log/openclaw";
export const STATE = "/var/lib/openclaw";
export const WORKSPACES = `${STATE}/workspaces`;
/** In the state's folder, and empty there: the gateway's unit shows others in their place, on the root disk. */
export const CACHES = [".npm", ".cache"];
export const OPENCLAW_VERSIONS = "/opt/openclaw";
export const OPENCLAW_CURRENT = `${OPENCLAW_VERSIONS}/current`;
export const INSTALL_OPENCLAW = "/usr/local/lib/hermes/install-openclaw.sh";
/** What npm installs for the version of the bundle; absent: npm resolves it. */
export const OPENCLAW_LOCK = "/usr/local/lib/hermes/openclaw-lock.json";
/** Gives a command secrets from files as variables. */
export const WITH_SECRETS = "/usr/local/lib/hermes/with-secrets.sh";
/** Runs in the gateway's account, outside of its unit. */
export const EMPTY_CACHES = "/usr/local/lib/hermes/empty-caches.sh";
export const INSTALL_OLLAMA = "/usr/local/lib/hermes/install-ollama.sh";
export const OLLAMA = "ollama.service";
export const OLLAMA_VERSIONS = "/opt/ollama";
export const OLLAMA_CURRENT = `${OLLAMA_VERSIONS}/current`;
/** Models; nothing in there that can't be pulled again. */
export const OLLAMA_STATE = "/var/lib/ollama";
export const OLLAMA_URL = "http://127.0.0.1:11434";
/** What the last turn of an agent that hermes asked for came to. */
export const LAST_TURN = "/var/lib/hermes/last-turn.json";
/** What the MCP servers answered when hermes asked them last. */
export const LAST_MCP_PROBE = "/var/lib/hermes/last-mcp-probe.json";
/** Which local model was proven to answer. */
export const LOCAL_MODEL = "/var/lib/hermes/local-model.json";
/** Who may log in as root. */
export const AUTHORIZED_KEYS = "/root/.ssh/authorized_keys";
export const UNITS = "/etc/systemd/system";
export const GATEWAY = "openclaw-gateway.service";
export const AGENT = "hermes-agent.service";
export const AGENT_WORKSPACES = "hermes-workspaces.service";
/** Stops the agents before files run out. */
export const AGENT_GUARD = "hermes-guard.service";
/** systemd's own way to root's sshd. */
export const SSH_SOCKET = "sshd-unix-local.socket";
/** As in openclaw-gateway.service. */
export const COMPILE_CACHE = "/var/cache/openclaw/compile-cache";
export const READY_URL = "http://127.0.0.1:18789/readyz";
export const NODE = "/usr/local/bin/node";
export const NODE_VERSIONS = "/opt/node";
export const NODE_CURRENT = `${NODE_VERSIONS}/current`;
export const INSTALL_NODE = "/usr/local/lib/hermes/install-node.sh";
/** GiB; what {@link SWAP_SCRIPT} makes true. */
export const SWAP = "/etc/hermes/swap";
export const SWAP_SCRIPT = "/usr/local/lib/hermes/swap.sh";
/** GiB of the state's volume; absent: there is none. */
export const VOLUME = "/etc/hermes/volume";
export const VOLUME_SCRIPT = "/usr/local/lib/hermes/grow-volume.sh";

export const nodeProgram = (version: string): string => `${NODE_VERSIONS}/${version}/bin/node`;

const packageFolder = (version: string): string => `${OPENCLAW_VERSIONS}/${version}/lib/node_modules/openclaw`;

export const openclawProgram = (version: string): string => `${packageFolder(version)}/dist/index.js`;
export const openclawPackage = (version: string): string => `${packageFolder(version)}/package.json`;
