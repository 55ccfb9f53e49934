import type { Plugin } from "../framework/resource";
import { configureApi } from "./api";
import { droplet } from "./droplet";
import { firewall } from "./firewall";
import { functions } from "./functions";
import { sshKey, tag, volume } from "./simple";

/** Stand-in for the official DigitalOcean provider: what hermes uses of it. */
export const plugin: Plugin = {
  name: "digitalocean",
  version: "4.80.1",
  resources: {
    "digitalocean:index/tag:Tag": tag,
    "digitalocean:index/sshKey:SshKey": sshKey,
    "digitalocean:index/volume:Volume": volume,
    "digitalocean:index/firewall:Firewall": firewall,
    "digitalocean:index/droplet:Droplet": droplet,
  },
  functions,
  configure: configureApi,
};
