import type { TailnetApi, TailnetDevice } from "../../lib/tailnet/api";
import type { StackOutputs } from "../stack/reach";
import { fail, ok, warn, type Check } from "./checks";

const NAME = "tailnet node";
const REBORN =
  "raise hermes:bootstrapRevision by one and pulumi up (a new droplet: state on a volume stays, with hermes:volumeGiB 0 it is LOST)";

/** Looks at the node with the tailnet's own credentials. No answer is a warning. */
export async function tailnetCheck(outputs: StackOutputs, api: Pick<TailnetApi, "devices">): Promise<Check> {
  try {
    return nodeCheck(outputs, await api.devices(), Date.now());
  } catch (error) {
    const fix = "are the tailnet's credentials valid, and may they read devices?";
    return warn(NAME, `could not be checked: ${(error as Error).message}`, fix);
  }
}

/**
 * Pure: what the tailnet's administration says of the stack's node.
 *
 * @param now - milliseconds since 1970
 */
export function nodeCheck({ tailnet }: StackOutputs, devices: TailnetDevice[], now: number): Check {
  const node = devices.find(({ name }) => name === tailnet.name);
  if (node === undefined) return fail(NAME, `${tailnet.name} is not in the tailnet: somebody removed it`, REBORN);
  if (!node.addresses.includes(tailnet.address))
    return fail(
      NAME,
      `${tailnet.name} is ${node.addresses.join(", ")} now, not ${tailnet.address}`,
      "pulumi up --refresh",
    );
  if (isExpired(node, now)) {
    const renew = "disable the expiry of its key where the tailnet is administered, or ";
    return fail(NAME, `the key of ${tailnet.name} expired at ${node.expires}`, `${renew}${REBORN}`);
  }
  if (node.connectedToControl === false)
    return warn(NAME, `${tailnet.name} is not connected, last seen ${node.lastSeen ?? "never"}`, "is the droplet on?");
  return ok(NAME, `${tailnet.name}, connected`);
}

const isExpired = ({ keyExpiryDisabled, expires }: TailnetDevice, now: number): boolean =>
  keyExpiryDisabled !== true && expires !== undefined && Date.parse(expires) <= now;
