import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";
import type { FirewallRules } from "./firewall-rules";

export interface PerimeterArgs {
  /** DigitalOcean tag that puts a droplet behind the firewall. Made here. */
  tag: string;
  /** Name of the firewall, unique in the account. */
  firewallName: string;
  rules: FirewallRules;
}

/** The droplet's perimeter: a tag, and a firewall on it that exists before any droplet carries the tag. */
export class Perimeter extends pulumi.ComponentResource {
  /** Tag that puts a droplet behind this firewall. */
  readonly tag: pulumi.Output<string>;
  /** What a droplet has to wait for. */
  readonly firewall: digitalocean.Firewall;

  constructor(name: string, args: PerimeterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:Perimeter", name, {}, opts);
    const tag = new digitalocean.Tag(name, { name: args.tag }, { parent: this });
    this.firewall = new digitalocean.Firewall(
      name,
      { name: args.firewallName, tags: [tag.name], ...args.rules },
      { parent: this },
    );
    this.tag = tag.name;
    this.registerOutputs({ tag: this.tag });
  }
}
