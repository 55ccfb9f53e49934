import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { gatewayStatus } from "../remote/gateway-status";
import type { SshTarget } from "../remote/ssh";
import { after } from "./after";

/** How the gateway was when `up` looked. */
export interface Verified {
  ready: boolean;
  /** An agent answered; false also when nobody asked. */
  agentTurn: boolean;
}

export interface GatewayArgs {
  /** Address that this machine reaches the droplet at. */
  host: pulumi.Input<string>;
  /** A new droplet gets everything anew, though its address may be the old one. */
  dropletId: pulumi.Input<string>;
  /** OpenSSH private key of root. */
  privateKey: pulumi.Output<string>;
  /** OpenSSH public key line of the host; absent on a tailnet, where WireGuard has told who answers. */
  hostKey?: pulumi.Input<string>;
  /** hermes-apply, the program that handles the bundles on the droplet. */
  programBundle: pulumi.Input<string>;
  /** The staged configuration: plain, so that a preview shows its changed lines. */
  configBundle: pulumi.Input<string>;
  secretsBundle: pulumi.Output<string>;
  /** What makes the staged bundles the ones that run. */
  activation: pulumi.Input<string>;
  /** End with an agent's answer, not only with readiness. */
  agentTurn: boolean;
}

/** OpenClaw on the droplet: configuration and secrets staged, activated together, and looked at after every `up`. */
export class Gateway extends pulumi.ComponentResource {
  /** Constant when all is well, so that a preview without changes shows none; `up` fails when it is not. */
  readonly verified: pulumi.Output<Verified>;

  constructor(name: string, args: GatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:Gateway", name, {}, opts);
    const program = this.apply(`${name}-program`, "hermes-apply stage program", args.programBundle, args, after(opts));
    const staged = { dependsOn: [program] };
    const config = this.apply(`${name}-config`, "hermes-apply stage config", args.configBundle, args, staged);
    const secrets = this.apply(`${name}-secrets`, "hermes-apply stage secrets", args.secretsBundle, args, staged);
    const active = this.apply(`${name}-activate`, "hermes-apply activate", args.activation, args, {
      dependsOn: [config, secrets],
    });
    this.verified = pulumi.unsecret(
      pulumi
        .all([args.host, args.privateKey, args.hostKey, active.id])
        .apply(([host, privateKey, hostKey]) => verify({ host, privateKey, ...(hostKey ? { hostKey } : {}) }, args)),
    );
    this.registerOutputs({ verified: this.verified });
  }

  /** One run of hermes-apply, again whenever its input or the droplet changes. No `delete`: it would run in replacements. */
  private apply(
    name: string,
    create: string,
    stdin: pulumi.Input<string>,
    args: GatewayArgs,
    order: Pick<pulumi.ResourceOptions, "dependsOn">,
  ): command.remote.Command {
    return new command.remote.Command(
      name,
      {
        create,
        stdin,
        triggers: [args.dropletId],
        logging: "none",
        addPreviousOutputInEnv: false,
        connection: {
          host: args.host,
          user: "root",
          privateKey: args.privateKey,
          ...(args.hostKey === undefined ? {} : { hostKey: args.hostKey }),
          dialErrorLimit: 20,
          perDialTimeout: 10,
        },
      },
      { parent: this, ...order, additionalSecretOutputs: ["stdout", "stderr"] },
    );
  }
}

/** Runs at every `up`, also one that changes nothing: commands run only when an input changed. */
async function verify(target: SshTarget, wanted: { agentTurn: boolean }): Promise<Verified> {
  const expected = { ready: true, agentTurn: wanted.agentTurn };
  if (pulumi.runtime.isDryRun() || process.env["HERMES_SKIP_CHECK"] === "1") return expected;
  const { problem } = await gatewayStatus(target, wanted);
  if (problem === undefined) return expected;
  // The engine prints a RunError's message alone, without a stack trace.
  throw new pulumi.RunError(`hermes is up, but not healthy: ${problem}`);
}
