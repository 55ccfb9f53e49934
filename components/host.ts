import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";
import { fingerprintOf } from "../lib/ssh/public-key";

export interface HostArgs {
  /** Name of the droplet. */
  hostname: string;
  sshKeyName: string;
  volumeName: string;
  region: string;
  size: string;
  image: string;
  ipv6: boolean;
  /** A new size brings its disk too, for ever. */
  growDisk: boolean;
  /** GiB; 0 for none, as in sandboxes. */
  volumeGiB: number;
  /** OpenSSH public key that may log in as root. */
  publicKey: pulumi.Input<string>;
  /** Written once, at birth. */
  userData: pulumi.Input<string>;
  /** Puts the droplet behind the perimeter's firewall. */
  tag: pulumi.Input<string>;
  /** Say more about it, and bring it under no firewall. Edited in place. */
  moreTags: pulumi.Input<string>[];
  /**
   * What must exist before the droplet does. Not a `dependsOn` of the component: the volume, which outlives a
   * `destroy --exclude-protected`, would keep all of that alive with it.
   */
  dropletAfter: pulumi.Resource[];
  /** A new value replaces the droplet, and only that does. */
  bootstrapId: string;
}

/** The machine: its SSH key, the protected volume that outlives it, the droplet. */
export class Host extends pulumi.ComponentResource {
  readonly droplet: digitalocean.Droplet;
  readonly volume: digitalocean.Volume | undefined;

  constructor(name: string, args: HostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:Host", name, {}, opts);
    // Without a key of its own, DigitalOcean would e-mail a root password.
    const sshKey = new digitalocean.SshKey(
      name,
      { name: args.sshKeyName, publicKey: args.publicKey },
      { parent: this },
    );
    this.volume = args.volumeGiB === 0 ? undefined : this.stateVolume(name, args);
    this.droplet = new digitalocean.Droplet(
      name,
      {
        name: args.hostname,
        region: args.region,
        size: args.size,
        image: args.image,
        ipv6: args.ipv6,
        monitoring: false,
        dropletAgent: false,
        // Without a volume nothing that is on it outlives it.
        gracefulShutdown: this.volume !== undefined,
        // Growing the disk can't be undone; memory and cores can.
        resizeDisk: args.growDisk,
        // Not the resource's output: a key that is replaced would take the droplet with it, ignoreChanges or not.
        sshKeys: [pulumi.output(args.publicKey).apply(fingerprintOf)],
        tags: [args.tag, ...args.moreTags],
        volumeIds: this.volume === undefined ? [] : [this.volume.id],
        userData: pulumi.secret(args.userData),
      },
      {
        parent: this,
        // Given at birth. The agent is among them because the API does not tell of it: an import would want a replacement.
        ignoreChanges: ["userData", "sshKeys", "dropletAgent"],
        replacementTrigger: args.bootstrapId,
        // The old droplet holds the name, the volume and the tailnet node: it has to go first.
        deleteBeforeReplace: true,
        customTimeouts: { create: "15m" },
        dependsOn: [...args.dropletAfter, sshKey],
      },
    );
    this.registerOutputs({ dropletId: this.droplet.id });
  }

  private stateVolume(name: string, args: HostArgs): digitalocean.Volume {
    return new digitalocean.Volume(
      name,
      {
        name: args.volumeName,
        region: args.region,
        size: args.volumeGiB,
        description: "hermes: OpenClaw's state, the tailnet node's identity, SSH host keys",
        initialFilesystemType: "ext4",
        initialFilesystemLabel: "hermes",
      },
      // The API does not tell these two. A volume that is taken into the state by `pulumi import` lacks them, which the
      // provider would take for a replacement, and so for the loss of the data.
      { parent: this, protect: true, ignoreChanges: ["initialFilesystemType", "initialFilesystemLabel"] },
    );
  }
}
