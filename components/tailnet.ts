import { join, relative } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as tailscale from "@pulumi/tailscale";
import type { JoinedNode } from "../lib/tailnet/nodes";

/**
 * Where the commands run: the project, as seen from the program. Never the whole path: it stands in the state, where
 * another clone's, or a CI job's, would be a change, and a folder that is not there.
 */
const HERE = relative(process.cwd(), join(__dirname, "..")) || ".";

export interface TailnetArgs {
  /** With the `tag:` prefix; the credentials must own it. */
  tag: string;
  hostname: string;
  /** The tailnet forgets the node by itself once it is silent. */
  ephemeral: boolean;
  /** A new value makes a new key. */
  bootstrapId: string;
}

/** A free name in the tailnet and a key for it: single use, one hour, tagged. */
export class Tailnet extends pulumi.ComponentResource {
  /** The one secret in the droplet's user data. */
  readonly key: pulumi.Output<string>;
  /** Names the key in the tailnet's API; no secret. */
  readonly keyId: pulumi.Output<string>;
  /** Registered before the droplet, so that it is in the state, and evicts at `destroy`, whatever happens later. */
  readonly slot: command.local.Command;

  constructor(name: string, args: TailnetArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:Tailnet", name, {}, opts);
    const evict = evictCommand(args);
    this.slot = new command.local.Command(
      `${name}-slot`,
      {
        create: evict,
        // In place there is nothing to make room for: the node of that name is the droplet that lives.
        update: "exit 0",
        delete: evict,
        dir: HERE,
        triggers: [args.hostname, args.tag],
        addPreviousOutputInEnv: false,
      },
      { parent: this },
    );
    const key = new tailscale.TailnetKey(
      name,
      {
        reusable: false,
        ephemeral: args.ephemeral,
        preauthorized: true,
        expiry: 3600,
        tags: [args.tag],
        description: `hermes ${args.hostname}`.slice(0, 50),
      },
      { parent: this, replacementTrigger: args.bootstrapId, dependsOn: this.slot },
    );
    this.key = pulumi.secret(key.key);
    this.keyId = key.id;
    this.registerOutputs({});
  }
}

export interface TailnetNodeArgs {
  tag: string;
  hostname: string;
  /** A new droplet is waited for anew, though its name and address are the old ones. */
  dropletId: pulumi.Input<string>;
  /** The auth key that it was given: while no node is there, whether one can still come. */
  keyId: pulumi.Input<string>;
  /** Its identity is on a volume: the next droplet wakes up as the same node. Else it ends with its droplet. */
  lasting: boolean;
  /** Dial this host rather than the node's own address, where the operator is not on the tailnet. */
  dial?: pulumi.Input<string>;
}

/** The droplet's node on the tailnet: exists once the node is there and its SSH server greets. */
export class TailnetNode extends pulumi.ComponentResource {
  readonly nodeName: pulumi.Output<string>;
  /** IPv4 in 100.64.0.0/10. */
  readonly address: pulumi.Output<string>;

  constructor(name: string, args: TailnetNodeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:TailnetNode", name, {}, opts);
    const identity = ["wait", "--hostname", args.hostname, "--tag", args.tag];
    const create = pulumi
      .all([args.keyId, args.dial])
      .apply(([key, dial]) =>
        tailnetCommand([...identity, "--key", key, ...(dial === undefined ? [] : ["--dial", dial])]),
      );
    const wait = new command.local.Command(
      name,
      {
        create,
        // It is connected then, its droplet still runs: only the recorded node may go, which the environment names.
        ...(args.lasting ? {} : { delete: `${evictCommand(args)} --known` }),
        dir: HERE,
        triggers: [args.dropletId],
        logging: "stderr",
        addPreviousOutputInEnv: !args.lasting,
      },
      { parent: this },
    );
    const node = wait.stdout.apply((text) => JSON.parse(text) as JoinedNode);
    this.nodeName = node.name;
    this.address = node.address;
    this.registerOutputs({ name: this.nodeName, address: this.address });
  }
}

/** Arguments are checked configuration (labels, tags, addresses): none needs quoting. */
const tailnetCommand = (args: string[]): string => ["node", "lib/tailnet/main.js", ...args].join(" ");

const evictCommand = ({ hostname, tag }: { hostname: string; tag: string }): string =>
  tailnetCommand(["evict", "--hostname", hostname, "--tag", tag]);
