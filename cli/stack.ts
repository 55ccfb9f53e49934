import type { SshTarget } from "../remote/ssh";
import { CommandError, EXIT } from "./output";
import { pulumiOutput } from "./pulumi";

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

const selected = (options: StackOptions): string[] => (options.stack === undefined ? [] : ["--stack", options.stack]);

/** @throws CommandError when the stack was never brought up. */
export async function stackOutputs(options: StackOptions): Promise<StackOutputs> {
  const text = await pulumiOutput(["stack", "output", "--json", ...selected(options)]);
  const outputs = JSON.parse(text) as Partial<StackOutputs>;
  if (outputs.droplet === undefined || outputs.tailnet === undefined) {
    throw new CommandError("this stack has no droplet yet. Bring it up first: pulumi up", EXIT.unhealthy);
  }
  return outputs as StackOutputs;
}

/** How to reach the stack's droplet: over the tailnet, or publicly in ssh mode (told by the tunnel command). */
export async function sshTarget(options: StackOptions): Promise<SshTarget & { outputs: StackOutputs }> {
  const outputs = await stackOutputs(options);
  const privateKey = await pulumiOutput(["config", "get", "--path", "hermes:secrets.deployKey", ...selected(options)]);
  const host = outputs.tunnel.trim().split("@").at(-1) ?? outputs.tailnet.address;
  return { host, privateKey, outputs };
}
