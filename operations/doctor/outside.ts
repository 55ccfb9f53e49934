import { connect } from "node:net";
import { PRIVATE_PORTS } from "../../lib/private-ports";
import type { StackOutputs } from "../stack/reach";
import { fail, ok, warn, type Check } from "./checks";

/** What the droplet's own doctor said; see gateway/apply/doctor.ts. */
export interface Diagnosis {
  ok: boolean;
  version: string;
  configHash: string;
  time: number;
  checks: Check[];
}

const SKEW_SECONDS = 60;

/**
 * Pure: the stack's outputs held against what the droplet says.
 *
 * @param now - this machine's clock, seconds since 1970
 */
export function compareWithStack(outputs: StackOutputs, diagnosis: Diagnosis, now: number): Check[] {
  return [revision(outputs), deployed(outputs, diagnosis), skew(diagnosis, now)];
}

export function revision({ bootstrap }: StackOutputs): Check {
  const name = "bootstrap revision";
  const next = bootstrap.revision + 1;
  if (!bootstrap.outdated) return ok(name, `${bootstrap.revision}, nothing new since birth`);
  return warn(
    name,
    "what is given at birth has changed since: versions, sources or files of the first boot",
    `when it suits (a new droplet: state on a volume stays, with hermes:volumeGiB 0 it is LOST): pulumi config set hermes:bootstrapRevision ${next}, pulumi up`,
  );
}

function deployed({ openclaw }: StackOutputs, { configHash, version }: Diagnosis): Check {
  const name = "deployed";
  if (configHash === openclaw.configHash && version === openclaw.version)
    return ok(name, "what the stack's last up brought");
  const runs = `OpenClaw ${version || "none"}, configuration ${configHash.slice(0, 12) || "none"}`;
  const wanted = `${openclaw.version}, ${openclaw.configHash.slice(0, 12)}`;
  return fail(name, `the droplet runs ${runs}; the stack's outputs say ${wanted}`, "pulumi up --refresh");
}

function skew({ time }: Diagnosis, now: number): Check {
  const name = "clock, compared";
  if (time === 0) return warn(name, "the droplet did not say its time", "./hermes ssh date");
  const seconds = Math.round(time - now);
  if (Math.abs(seconds) <= SKEW_SECONDS) return ok(name, "as on this machine");
  const found = `the droplet is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} this machine`;
  return warn(name, found, "one of the two is wrong: ./hermes ssh timedatectl timesync-status, and timedatectl here");
}

const DIAL_MS = 2500;

export type Dial = (address: string, port: number) => Promise<boolean>;

/** Whether somebody takes a TCP connection there. */
export const dial: Dial = (address, port) =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: DIAL_MS });
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => done(true));
    socket.once("timeout", () => done(false));
    socket.once("error", () => done(false));
  });

/** From here only: a scan of all ports from the internet is the tests' work. */
export async function exposure({ droplet, tunnel }: StackOutputs, dials: Dial): Promise<Check> {
  const name = "exposure";
  const overSsh = tunnel.trim().endsWith(`@${droplet.ipv4}`);
  // And SSH, where the tailnet is the way in.
  const ports = overSsh ? PRIVATE_PORTS : [22, ...PRIVATE_PORTS];
  const addresses = [droplet.ipv4, droplet.ipv6].filter((address): address is string => Boolean(address));
  const tried = addresses.flatMap((address) => ports.map((port) => ({ address, port })));
  const answers = await Promise.all(tried.map(({ address, port }) => dials(address, port)));
  const open = tried.filter((_, i) => answers[i] === true).map(({ address, port }) => `${address} port ${port}`);
  if (open.length === 0) return ok(name, `${ports.join(", ")} closed from here on ${addresses.join(", ")}`);
  return fail(
    name,
    `open from here: ${open.join(", ")}`,
    "pulumi up --refresh; ./hermes ssh systemctl restart hermes-nftables",
  );
}
