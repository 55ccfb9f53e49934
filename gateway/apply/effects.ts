// From changed files to what has to happen for them to count: the least that does.
import {
  AGENT,
  AGENT_GUARD,
  AGENT_WORKSPACES,
  BACKUP_TIMER,
  GATEWAY,
  NODE_CURRENT,
  OPENCLAW_CONFIG,
  OPENCLAW_CURRENT,
  OPENCLAW_ENVIRONMENT,
  SECRETS,
  SSH_SOCKET,
  SWAP,
  UNITS,
  VOLUME,
  WORKSPACES,
} from "./places.ts";
import type { Change } from "./plan.ts";

export interface Effects {
  daemonReload: boolean;
  /** Units that are new or changed, and want to be started at boot. */
  enable: string[];
  journald: boolean;
  nftables: boolean;
  sshd: boolean;
  /** Who may open systemd's socket to sshd. */
  sshSocket: boolean;
  agent: boolean;
  /** When backups are made. */
  backupTimer: boolean;
  /** The swap file gets another size. */
  swap: boolean;
  /** The volume has become larger. */
  volume: boolean;
  gateway: "restart" | "reload" | "none";
  /** The gateway takes replaced secrets when told. */
  secretsReload: boolean;
}

/**
 * @param inEnvironment - names of secrets that the gateway has as environment variables, so only a restart brings them
 * @param configDiffers - openclaw.json says something else, not only in other words
 */
export function effectsOf(changes: Change[], inEnvironment: string[], configDiffers: boolean): Effects {
  const paths = changes.map((change) => change.path).filter((path) => !path.startsWith(`${WORKSPACES}/`));
  const any = (test: (path: string) => boolean) => paths.some(test);
  const secrets = paths
    .filter((path) => path.startsWith(`${SECRETS}/`))
    .map((path) => path.slice(SECRETS.length + 1))
    // Root's; the gateway cannot read them.
    .filter((name) => !name.startsWith("backup"));
  const units = changes.filter((change) => change.path.startsWith(`${UNITS}/`));
  const restart =
    any((path) => ofUnit(path, GATEWAY)) ||
    any(
      (path) =>
        [OPENCLAW_CURRENT, OPENCLAW_ENVIRONMENT, NODE_CURRENT].includes(path) || path.endsWith("/gateway-start.sh"),
    ) ||
    secrets.some((name) => name === "gatewayToken" || inEnvironment.includes(name));
  return {
    daemonReload: units.length > 0,
    enable: units.filter(isInstallable).map((change) => change.path.slice(UNITS.length + 1)),
    journald: any((path) => path.startsWith("/etc/systemd/journald.conf.d/")),
    nftables: any((path) => path.startsWith("/etc/hermes/nftables") || ofUnit(path, "hermes-nftables.service")),
    sshd: any((path) => path.startsWith("/etc/ssh/")),
    sshSocket: any((path) => ofUnit(path, SSH_SOCKET)),
    agent: any(
      (path) =>
        [AGENT, AGENT_GUARD, AGENT_WORKSPACES].some((unit) => ofUnit(path, unit)) ||
        path.startsWith("/etc/hermes-agent/") ||
        path.endsWith("/agent-setup.sh") ||
        path.endsWith("/guard-files.sh") ||
        path.endsWith("/reserve-space.sh") ||
        path.endsWith("/show-workspaces.mjs"),
    ),
    backupTimer: any((path) => ofUnit(path, BACKUP_TIMER)),
    swap: paths.includes(SWAP),
    volume: changes.some(({ path, wanted }) => path === VOLUME && wanted.kind === "file"),
    gateway: restart ? "restart" : configDiffers && paths.includes(OPENCLAW_CONFIG) ? "reload" : "none",
    secretsReload: !restart && secrets.length > 0,
  };
}

const ofUnit = (path: string, unit: string): boolean =>
  path === `${UNITS}/${unit}` || path.startsWith(`${UNITS}/${unit}.d/`);

const isInstallable = ({ path, wanted }: Change): boolean =>
  wanted.kind === "file" && !path.slice(UNITS.length + 1).includes("/") && wanted.content.includes("[Install]");
