import type { Lab } from "../../localcloud/lab";
import { inNamespace, run } from "../../localcloud/network";

const SPEED = ["-n", "-Pn", "-T5", "--min-rate", "20000", "--max-retries", "1"];

/** TCP ports of an address that are open, seen from a namespace. All 65,535 unless said otherwise. */
export async function openPorts(lab: Lab, from: keyof Lab["ns"], address: string, ports = "-p-"): Promise<number[]> {
  const family = address.includes(":") ? ["-6"] : [];
  const report = await run(inNamespace(lab.ns[from], ["nmap", ...family, ...SPEED, ports, "-oG", "-", address]));
  return [...report.matchAll(/(\d+)\/open\//g)].map((match) => Number(match[1]));
}
