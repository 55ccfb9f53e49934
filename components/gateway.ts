import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { inert, plainError } from "../config/report";
import { driftProblem, fallbackWarning, gatewayStatus, mcpWarning, type GatewayStatus } from "../gateway/status";
import type { SshTarget } from "../lib/ssh/connection";
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
  /** OpenSSH public key line of the droplet; a machine that shows another is sent nothing. */
  hostKey: pulumi.Input<string>;
  /** hermes-apply, the program that handles the bundles on the droplet. */
  programBundle: pulumi.Input<string>;
  /** The staged configuration: plain, so that a preview shows its changed lines. */
  configBundle: pulumi.Input<string>;
  secretsBundle: pulumi.Output<string>;
  /** What makes the staged bundles the ones that run. */
  activation: pulumi.Input<string>;
  /** What the local model is wanted to be; absent: there is none. Shown in previews, run again when it changes. */
  localModel?: pulumi.Input<string> | undefined;
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
    const last = args.localModel === undefined ? active : this.localModel(name, args, active);
    this.verified = pulumi.unsecret(
      pulumi
        .all([args.host, args.privateKey, args.hostKey, last.id])
        .apply(([host, privateKey, hostKey]) => verify({ host, privateKey, hostKey }, args)),
    );
    this.registerOutputs({ verified: this.verified });
  }

  /** After the gateway runs on its remote models: a pull takes minutes, and may fail. Its progress is shown. */
  private localModel(name: string, args: GatewayArgs, active: command.remote.Command): command.remote.Command {
    const order = { dependsOn: [active] };
    return this.apply(`${name}-local-model`, "hermes-apply local", undefined, args, order, {
      triggers: [args.dropletId, args.localModel],
      logging: "stderr",
    });
  }

  /** One run of hermes-apply, again whenever its input or the droplet changes. No `delete`: it would run in replacements. */
  private apply(
    name: string,
    create: string,
    stdin: pulumi.Input<string> | undefined,
    args: GatewayArgs,
    order: Pick<pulumi.ResourceOptions, "dependsOn">,
    more: Partial<command.remote.CommandArgs> = {},
  ): command.remote.Command {
    return new command.remote.Command(
      name,
      {
        create,
        ...(stdin === undefined ? {} : { stdin }),
        triggers: [args.dropletId],
        logging: "none",
        ...more,
        addPreviousOutputInEnv: false,
        connection: {
          host: args.host,
          user: "root",
          privateKey: args.privateKey,
          hostKey: args.hostKey,
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
  const { status, problem } = await gatewayStatus(target, { ...wanted, mcp: true });
  if (problem !== undefined) throw plainError(`hermes is up, but not healthy: ${problem}`);
  for (const warning of status === undefined ? [] : warningsOf(status)) await pulumi.log.warn(inert(warning));
  return expected;
}

/** Pure: what a person should know of a gateway that is up. */
function warningsOf(status: GatewayStatus): string[] {
  const [fallback, dead, drift] = [fallbackWarning(status), mcpWarning(status), driftProblem(status)];
  return [
    ...(fallback === undefined ? [] : [`hermes is up, but not by its first model: ${fallback}`]),
    ...(dead === undefined ? [] : [`hermes is up, but some MCP servers do not answer: ${dead}`]),
    ...(drift === undefined ? [] : [`hermes is up and healthy, but not as it was applied: ${drift}`]),
    ...(status.warnings ?? []).map((warning) => `hermes is up and healthy, but: ${warning}`),
  ];
}
