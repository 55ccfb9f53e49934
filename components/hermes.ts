import { join } from "node:path";
import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";
import { bootstrapInput, privateTargets, renderNftables, renderUserData, userDataDigest } from "../cloud-init";
import { resourceNames, type HermesConfig } from "../config";
import { botTag, sandboxTags } from "../config/sandbox";
import {
  activateBundle,
  configBundle,
  localModelTrigger,
  programBundle,
  secretsBundle,
  sha256,
  textFile,
  type BundleFile,
} from "../gateway/bundle";
import { applyProgram, gatewayFiles, unitMemory } from "../gateway/files";
import { chainOf } from "../gateway/model-chain";
import { backupSecretNames, gatewaySecretNames } from "../gateway/secret-names";
import { readWorkspaces } from "../gateway/workspace";
import type { Account } from "../lib/digitalocean/account";
import { tunnelCommand } from "../lib/ssh/host-key";
import { publicKeyOf } from "../lib/ssh/public-key";
import type { Plan } from "../planner";
import { asDeclared } from "./as-declared";
import { birthOf, bootstrapId } from "./bootstrap-id";
import { firewallRules } from "./firewall-rules";
import { Gateway } from "./gateway";
import { Host } from "./host";
import { HostKey } from "./host-key";
import { Perimeter } from "./perimeter";
import { Tailnet, TailnetNode } from "./tailnet";

const PROJECT = join(__dirname, "..");

export interface HermesArgs {
  /** Checked configuration. */
  config: HermesConfig;
  /** What fits on the droplet, and what it costs. */
  plan: Plan;
  /** The stack's secrets by name. */
  secrets: Record<string, pulumi.Output<string>>;
  /** Where the droplet, firewall and volume are compared with what the stack declares; absent (no token): nowhere. */
  account?: Account | undefined;
  /**
   * Resolves to the droplet's id once no other droplet carries the stack's tag.
   * @default the id, unchecked
   */
  soleDroplet?: (id: pulumi.Output<string>) => pulumi.Output<string>;
  /** What `up` ends with where the droplet does not answer SSH; absent: it may be restarting, and is waited for. */
  whenSilent?: string | undefined;
}

/** A private OpenClaw gateway: perimeter, tailnet, host, gateway, in the order that keeps it closed. */
export class Hermes extends pulumi.ComponentResource {
  /** The stack's outputs. None is a secret but `gatewayToken`. */
  readonly outputs: Record<string, pulumi.Input<unknown>>;

  constructor(name: string, args: HermesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:Hermes", name, {}, opts);
    const { config, plan } = args;
    const names = resourceNames(config.stack);
    const birth = bootstrapInput(config);
    const id = bootstrapId(config);
    const birthDigest = userDataDigest(birth);
    const { hostname, tag } = config.tailnet;
    const deployKey = secret(args, "deployKey");
    const publicKey = pulumi.unsecret(deployKey.apply(publicKeyOf));

    const rules = firewallRules(config);
    const perimeter = new Perimeter(name, { tag: names.tag, firewallName: names.firewall, rules }, { parent: this });
    const tailnet = new Tailnet(
      name,
      { tag, hostname, ephemeral: config.tailnet.ephemeral === true, bootstrapId: id },
      { parent: this },
    );
    const moreTags = [...sandboxTags(config), ...this.botTags(name, args)];
    const host = new Host(
      name,
      {
        hostname,
        sshKeyName: names.sshKey,
        volumeName: names.volume,
        region: config.region,
        size: config.size,
        image: config.image,
        ipv6: config.ipv6,
        volumeGiB: config.volumeGiB,
        growDisk: config.growDisk,
        publicKey,
        userData: pulumi
          .all([tailnet.key, publicKey])
          .apply(([tailnetKey, deployPublicKey]) => renderUserData({ ...birth, tailnetKey, deployPublicKey })),
        tag: perimeter.tag,
        moreTags,
        dropletAfter: [perimeter, tailnet.slot],
        bootstrapId: id,
      },
      { parent: this },
    );
    const droplet = host.droplet;
    const born = new pulumi.Stash(
      `${name}-birth`,
      { input: { digest: birthDigest, given: { ...birthOf(config) } } },
      { parent: this, ignoreChanges: ["input"], replacementTrigger: id },
    );

    const dial = config.access.mode === "ssh" ? { dial: droplet.ipv4Address } : {};
    const { size, region, image, volumeGiB } = config;
    const wanted = { size, region, image, volumeGiB, rules, firewallTag: names.tag, tags: [names.tag, ...moreTags] };
    const found = { account: args.account, firewall: perimeter.firewall, volume: host.volume, wanted };
    const only = asDeclared(found, args.soleDroplet?.(droplet.id) ?? droplet.id);
    const node = new TailnetNode(
      name,
      { tag, hostname, dropletId: only, keyId: tailnet.keyId, lasting: config.volumeGiB > 0, ...dial },
      { parent: this },
    );

    const local = plan.local.install;
    const files = {
      ...gatewayFiles(config, unitMemory(plan.limits), local),
      "/etc/hermes/nftables.nft": nftablesFile(config),
    };
    const workspaces = readWorkspaces(PROJECT, config);
    const bundle = authorizedKeys(args).apply((keys) =>
      configBundle({ config, files: { ...files, "/root/.ssh/authorized_keys": keys }, workspaces, local }),
    );
    const needed = [...gatewaySecretNames(config), ...backupSecretNames(config)];
    const secrets = pulumi
      .all(Object.fromEntries(needed.map((each) => [each, secret(args, each)])))
      .apply((values) => secretsBundle(values));
    const activation = pulumi
      .all([bundle, secrets])
      .apply(([shown, hidden]) =>
        activateBundle({ config: shown, secrets: hidden, openclaw: config.openclaw.version }),
      );
    const address = config.access.mode === "ssh" ? droplet.ipv4Address : node.address;
    const hostKey = new HostKey(
      name,
      {
        host: address,
        dropletId: droplet.id,
        privateKey: deployKey,
        hostKey: secret(args, "hostKey"),
        tailnetKey: tailnet.key,
        whenSilent: args.whenSilent,
      },
      { parent: this, dependsOn: node },
    );
    const gateway = new Gateway(
      name,
      {
        host: hostKey.host,
        dropletId: droplet.id,
        privateKey: deployKey,
        hostKey: hostKey.publicKey,
        programBundle: programBundle(applyProgram()),
        configBundle: bundle,
        secretsBundle: secrets,
        // A hash over a bundle with the gateway's token in it tells nobody anything.
        activation: pulumi.unsecret(activation),
        localModel: localModelTrigger(config, local),
        agentTurn: config.verify.agentTurn,
      },
      { parent: this, dependsOn: hostKey },
    );

    this.outputs = {
      droplet: {
        id: droplet.id,
        name: droplet.name,
        size: droplet.size,
        region: droplet.region,
        ipv4: droplet.ipv4Address,
        ipv6: config.ipv6 ? droplet.ipv6Address : null,
      },
      tailnet: { name: node.nodeName, address: node.address },
      openclaw: { version: config.openclaw.version, configHash: bundle.apply(sha256) },
      models: { ...chainOf(config, local?.tag), local: local?.tag ?? null, why: plan.local.why },
      memory: plan.memory,
      cost: plan.cost,
      bootstrap: {
        revision: config.bootstrapRevision,
        outdated: born.output.apply((birth: { digest?: string }) => birth.digest !== birthDigest),
      },
      verified: gateway.verified,
      tunnel: pulumi.all([address, hostKey.publicKey]).apply(([host, key]) => tunnelCommand(host, key)),
      gatewayToken: secret(args, "gatewayToken"),
    };
    this.registerOutputs({});
  }

  /** Which bot polls here, for whoever is about to let another droplet poll it. */
  private botTags(name: string, args: HermesArgs): pulumi.Output<string>[] {
    if (args.config.telegram === undefined) return [];
    const tag = pulumi.unsecret(
      secret(args, "telegramBotToken").apply((token) => botTag(token) ?? "hermes-telegram-bot"),
    );
    // Never deleted: another stack's droplet that carries it would lose it. `hermes sweep` removes one that nothing carries.
    const shared = { parent: this, deleteBeforeReplace: false, retainOnDelete: true };
    return [new digitalocean.Tag(`${name}-bot`, { name: tag }, shared).name];
  }
}

/** @throws Error where the configuration's rules should have refused before. */
function secret(args: HermesArgs, name: string): pulumi.Output<string> {
  const value = args.secrets[name];
  if (value === undefined) throw new Error(`hermes:secrets.${name} is missing`);
  return value;
}

/** Who may log in as root: the stack's key, while it is rotated also the next one, and nobody else. */
function authorizedKeys(args: HermesArgs): pulumi.Output<BundleFile> {
  const next = args.secrets["deployKeyNext"] ?? pulumi.output(undefined);
  const keys = pulumi
    .all([secret(args, "deployKey"), next])
    .apply((all) => [...new Set(all.flatMap((key) => (key === undefined ? [] : publicKeyOf(key))))]);
  return pulumi.unsecret(
    keys.apply((lines) => textFile(`${lines.join("\n")}\n`, { mode: "0600", owner: "root:root" })),
  );
}

function nftablesFile(config: HermesConfig): BundleFile {
  const rules = renderNftables({ access: config.access, mcpPrivateTargets: privateTargets(config.mcpServers) });
  return textFile(rules, { mode: "0644", owner: "root:root" });
}
