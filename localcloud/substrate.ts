/** What the DigitalOcean emulator needs of the machines below it. Two exist: containers, and records that boot nothing. */
export interface Substrate {
  /** Powers a new droplet on for the first time; resolves when the machine runs (not when its cloud-init ended). */
  createDroplet(spec: DropletSpec): Promise<void>;
  /** Asks the system to stop, as an ACPI power button; resolves when it is off, rejects after a minute. */
  shutdownDroplet(id: number): Promise<void>;
  /** Pulls the plug. */
  powerOffDroplet(id: number): Promise<void>;
  powerOnDroplet(id: number): Promise<void>;
  /** Removes the machine and its root disk; detached volumes stay. Fine to call on a machine that is gone. */
  destroyDroplet(id: number): Promise<void>;
  /** New limits, taken up at the next power on. */
  resizeDroplet(id: number, size: { memoryMiB: number; vcpus: number; diskGiB: number }): Promise<void>;
  /** Keeps a copy of the root disk, for {@link DropletSpec.snapshotId}; what the system had not flushed is not in it. */
  snapshotDroplet(id: number, snapshotId: string): Promise<void>;
  /** Fine to call on one that is gone. */
  destroySnapshot(snapshotId: string): Promise<void>;
  createVolume(spec: VolumeSpec): Promise<void>;
  attachVolume(volumeId: string, dropletId: number): Promise<void>;
  /** A hot detach: what the droplet had not flushed is lost. */
  detachVolume(volumeId: string): Promise<void>;
  resizeVolume(volumeId: string, sizeGiB: number): Promise<void>;
  destroyVolume(volumeId: string): Promise<void>;
  /** Replaces the whole cloud firewall; takes effect before it resolves. */
  applyFirewalls(policies: DropletFirewall[]): Promise<void>;
}

export interface DropletSpec {
  id: number;
  name: string;
  memoryMiB: number;
  vcpus: number;
  diskGiB: number;
  region: string;
  image: string;
  /** The disk begins as this snapshot, not as the image. */
  snapshotId?: string;
  userData: string;
  /** authorized_keys lines for root. */
  sshKeys: string[];
  ipv4: string;
  /** Absent: the droplet has no public IPv6. */
  ipv6?: string;
  /** Volumes to have at the first boot. */
  volumeIds: string[];
  tags: string[];
}

export interface VolumeSpec {
  id: string;
  name: string;
  sizeGiB: number;
  filesystem?: "ext4" | "xfs";
  label?: string;
}

/** The rules that cover one droplet: those of all its firewalls added up. No covering firewall: everything is open. */
export interface DropletFirewall {
  dropletId: number;
  ipv4: string;
  ipv6?: string;
  covered: boolean;
  inbound: FirewallRule[];
  outbound: FirewallRule[];
}

export interface FirewallRule {
  protocol: "tcp" | "udp" | "icmp";
  /** "22", "8000-9000", or "0" for all; absent for icmp. */
  ports?: string;
  /** CIDRs or addresses, v4 and v6. */
  addresses: string[];
}
