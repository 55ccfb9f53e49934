import { utils } from "ssh2";
import { CommandError, EXIT } from "../../lib/output";
import { pulumiOutput } from "../../lib/pulumi";
import type { SshTarget } from "../../lib/ssh/connection";
import { bringFile } from "./sandbox-copy";

/** The outputs of a stack that the commands read; see Hermes in components/. */
export interface StackOutputs {
  droplet: { id: string; name: string; size: string; region: string; ipv4: string; ipv6?: string };
  tailnet: { name: string; address: string };
  openclaw: { version: string; configHash: string };
  models: { primary: string; fallbacks: string[]; local?: string | null };
  cost: { monthlyUsd: number; hourlyUsd: number };
  bootstrap: { revision: number; outdated: boolean };
  verified: { ready: boolean; agentTurn: boolean };
  tunnel: string;
}

export interface StackOptions {
  stack?: string;
}

export const selected = (options: StackOptions): string[] =>
  options.stack === undefined ? [] : ["--stack", options.stack];

/** @throws CommandError when the stack was never brought up. */
export async function stackOutputs(options: StackOptions): Promise<StackOutputs> {
  const text = await pulumiOutput(["stack", "output", "--json", ...selected(options)]);
  const outputs = JSON.parse(text) as Partial<StackOutputs>;
  if (outputs.droplet === undefined || outputs.tailnet === undefined) {
    throw new CommandError("this stack has no droplet yet. Bring it up first: pulumi up", EXIT.unhealthy);
  }
  return outputs as StackOutputs;
}

/** A stack's droplet: how to reach it, and the secrets that nothing printed may hold. */
export interface Reach extends SshTarget {
  outputs: StackOutputs;
  secrets: Record<string, string>;
}

/** How to reach the stack's droplet: over the tailnet, or publicly in ssh mode (told by the tunnel command). */
export async function sshTarget(options: StackOptions): Promise<Reach> {
  const outputs = await stackOutputs(options);
  if (options.stack !== undefined) await bringFile(options.stack);
  const secrets = await stackSecrets(options);
  const privateKey = secrets["deployKey"];
  if (privateKey === undefined)
    throw new CommandError("hermes:secrets.deployKey is not set. Make it: ./hermes init", EXIT.input);
  const host = outputs.tunnel.trim().split("@").at(-1) ?? outputs.tailnet.address;
  const hostKey = secrets["hostKey"];
  if (hostKey === undefined)
    throw new CommandError(
      "hermes:secrets.hostKey is not set: this machine cannot tell the droplet from a stranger.\n" +
        "  Make it: ./hermes init; then bring it to the droplet: pulumi up",
      EXIT.input,
    );
  return { host, privateKey, hostKey: publicLine(hostKey), outputs, secrets };
}

export async function stackSecrets(options: StackOptions): Promise<Record<string, string>> {
  const text = await pulumiOutput(["config", "get", "--path", "hermes:secrets", ...selected(options)]);
  try {
    const values = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return Object.fromEntries(values.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    // A parser's message would quote what it read.
    throw new CommandError("hermes:secrets is no map of names to texts. Make it anew: ./hermes init", EXIT.input);
  }
}

/** The key that the droplet was given to show, as its public line. */
function publicLine(privateKey: string): string {
  const key = utils.parseKey(privateKey);
  if (key instanceof Error) throw new CommandError("hermes:secrets.hostKey is no private key", EXIT.input);
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}
