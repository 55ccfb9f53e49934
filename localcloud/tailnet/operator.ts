import { existsSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startTimeOf } from "../../lib/process-start";
import { ADDRESSES } from "../addresses";
import type { Lab } from "../lab";
import { inNamespace, run, tryRun, waitFor } from "../network";
import { isRunning, logOf, recordedProcesses, startRecorded } from "../processes";
import { caCertificatePath } from "../services/authority";
import { createOperatorKey } from "./headscale";

/** A machine on the lab's tailnet, by a tailscaled of its own. */
export interface TailnetMember {
  /** Name of its process and of its folder in the lab's directory. */
  name: string;
  /** Network namespace. */
  ns: string;
  /** TUN device, at most 15 characters. */
  tun: string;
}

const memberDir = (lab: Lab, member: TailnetMember): string => join(lab.dir, member.name);
const socketOf = (lab: Lab, member: TailnetMember): string => join(memberDir(lab, member), "tailscaled.sock");

export function operatorMember(lab: Lab): TailnetMember {
  return { name: "operator", ns: lab.ns.operator, tun: `ts-${lab.id}` };
}

/** What programs in the lab's namespaces need in order to trust it: Go, curl and Node look at different variables. */
export function operatorEnvironment(lab: Lab): Record<string, string> {
  const ca = caCertificatePath(lab);
  // npm too: a machine whose npm has a file of its own would not believe the lab's registry.
  return { SSL_CERT_FILE: ca, CURL_CA_BUNDLE: ca, NODE_EXTRA_CA_CERTS: ca, NPM_CONFIG_CAFILE: ca };
}

/**
 * The command line that runs a command as on a machine of the lab's internet: in a network namespace, with the lab's
 * DNS. The names are in a private mount namespace, so the machine's own files are never touched.
 */
function inLabInternet(lab: Lab, ns: string, command: string[]): string[] {
  const script =
    'mount --bind "$1" "$(readlink -f /etc/resolv.conf)"; mount --bind "$2" /etc/hosts; shift 2; exec "$@"';
  const files = [join(lab.dir, "resolv.conf"), join(lab.dir, "hosts")];
  return inNamespace(ns, ["unshare", "--mount", "--", "sh", "-euc", script, "sh", ...files, ...command]);
}

/** The same for the operator's namespace: where pulumi runs. */
export function inOperator(lab: Lab, command: string[]): string[] {
  return inLabInternet(lab, lab.ns.operator, command);
}

/** Files for `inLabInternet`. Hosts as well, for a resolver of the machine that answers beside resolv.conf. */
async function writeNameFiles(lab: Lab): Promise<void> {
  const { internet, headscale } = ADDRESSES;
  await mkdir(lab.dir, { recursive: true });
  await writeFile(join(lab.dir, "resolv.conf"), `nameserver ${internet.v4}\noptions timeout:2\n`);
  await writeFile(join(lab.dir, "hosts"), `127.0.0.1 localhost\n::1 localhost\n${headscale.v4} ${headscale.name}\n`);
}

/**
 * Puts the operator's namespace on the tailnet as user `operator`. Headscale must be running. Fine to call again.
 * The machine's own tailscale is not touched: own socket, state, TUN and network namespace; DNS stays as it is.
 */
export async function startOperator(lab: Lab): Promise<void> {
  const member = operatorMember(lab);
  await startMember(lab, member);
  if ((await stateOf(lab, member)) === "NeedsLogin") await login(lab, member, await createOperatorKey(lab));
  await waitFor("the operator is on the tailnet", async () => (await stateOf(lab, member)) === "Running", {
    timeoutMs: 30_000,
  });
}

/**
 * Starts a tailscaled, recorded under the member's name, unless it runs; resolves when it knows whether it is logged
 * in.
 */
export async function startMember(lab: Lab, member: TailnetMember): Promise<void> {
  await mkdir(memberDir(lab, member), { recursive: true, mode: 0o700 });
  await writeNameFiles(lab);
  await ensureClient(lab);
  const running = recordedProcesses(lab).find((each) => each.name === member.name && isRunning(each));
  const pid = running?.pid ?? startDaemon(lab, member);
  await waitFor(
    `tailscaled of ${member.name} answers`,
    async () => {
      if (startTimeOf(pid) === undefined) {
        throw new Error(`tailscaled of ${member.name} ended. See ${logOf(lab, member.name)}.`);
      }
      const state = await stateOf(lab, member);
      return state !== undefined && state !== "NoState" && state !== "Starting";
    },
    { timeoutMs: 30_000 },
  );
}

function startDaemon(lab: Lab, member: TailnetMember): number {
  const dir = memberDir(lab, member);
  return startRecorded(
    lab,
    member.name,
    inLabInternet(lab, member.ns, [
      join(lab.cache, "bin", "tailscaled"),
      `--statedir=${dir}`,
      `--socket=${socketOf(lab, member)}`,
      `--tun=${member.tun}`,
      "--port=41641",
      "--no-logs-no-support",
    ]),
    { env: { ...process.env, ...operatorEnvironment(lab) } },
  );
}

/** Joins the tailnet. The key goes by file, never through arguments. */
export async function login(lab: Lab, member: TailnetMember, key: string): Promise<void> {
  const keyFile = join(memberDir(lab, member), "auth-key");
  await writeFile(keyFile, key, { mode: 0o600 });
  try {
    await run(
      tailscale(lab, member, [
        "up",
        `--login-server=https://${ADDRESSES.headscale.name}`,
        `--auth-key=file:${keyFile}`,
        `--hostname=${member.name}`,
        "--accept-dns=false",
        "--accept-routes=false",
        "--netfilter-mode=off",
        "--timeout=30s",
      ]),
    );
  } finally {
    await rm(keyFile, { force: true });
  }
}

/** `tailscale` of one member. */
export function tailscale(lab: Lab, member: TailnetMember, args: string[]): string[] {
  return [join(lab.cache, "bin", "tailscale"), `--socket=${socketOf(lab, member)}`, ...args];
}

async function stateOf(lab: Lab, member: TailnetMember): Promise<string | undefined> {
  const { code, stdout } = await tryRun(tailscale(lab, member, ["status", "--json"]));
  if (code !== 0 && stdout === "") return undefined;
  return (JSON.parse(stdout) as { BackendState?: string }).BackendState;
}

/** One binary for both, told apart by its name. */
async function ensureClient(lab: Lab): Promise<void> {
  const client = join(lab.cache, "bin", "tailscale");
  if (!existsSync(client)) {
    await symlink("tailscaled", client).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
