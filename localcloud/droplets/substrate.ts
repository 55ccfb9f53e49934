import { EventEmitter } from "node:events";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { renderFirewall } from "../firewall";
import { ensureImage } from "../image";
import type { Lab } from "../lab";
import { inNamespace, INTERFACES, run, tryRun, waitFor } from "../network";
import { logOf, startRecorded } from "../processes";
import type { DropletFirewall, DropletSpec, Substrate, VolumeSpec } from "../substrate";
import { createDropletCgroups, limitSwap, memoryUsage, removeCgroups } from "./cgroups";
import {
  bindDevice,
  dropletCommand,
  dropletIds,
  dropletPaths,
  dropletProcess,
  leaderOf,
  linkName,
  machineName,
  nspawnArguments,
  processName,
  readState,
  type DropletRecord,
} from "./container";
import { applyDifferences } from "./differences";
import {
  collectSnapshots,
  forgetSnapshot,
  makeRoot,
  overlayArguments,
  runInRoot,
  snapshotTree,
  takeSnapshot,
} from "./disk";
import { renderMeminfo } from "./meminfo";
import { dropletSwaps, releaseSwap, renderSwaps, type SwapFile } from "./swap";
import * as volumes from "./volumes";

export interface ContainerOptions {
  /** PEM of a certificate authority that new droplets trust. */
  caCertificate?: string;
  /** Told what takes long: the building of an image. */
  onProgress?: (text: string) => void;
}

/** What a droplet did by itself. */
export interface DropletEvents {
  /** Powered itself off, or died. The status is systemd-nspawn's; 0: it was asked to. */
  stopped: [id: number, status: number];
  /** Rebooted itself; its new boot has begun. */
  rebooted: [id: number];
}

/** A system's own farewell may take this long, as on DigitalOcean's side. */
const SHUTDOWN_MS = 60_000;
const WATCH_MS = 1000;
/** What systemd's PID 1 takes as "start poweroff.target": SIGRTMIN+4, SIGRTMIN being 34 with glibc. */
const POWER_BUTTON = 38;

const trashOf = (lab: Lab): string => join(lab.dir, "trash");

/** Beside everything else: a busy disk takes a minute for a droplet's files, and the provider waits no longer for its end. */
const removeAside = (path: string): void =>
  void run(["rm", "--recursive", "--force", "--one-file-system", path]).catch(() => undefined);

/**
 * Droplets as systemd-nspawn containers, each on a tree of its own, in the lab's network. All state is on disk below
 * `<lab.dir>`; the containers live on when this process ends, and the next one finds them.
 *
 * The network must exist (createNetwork). Works from the lab's namespace and from the machine's own.
 */
export class ContainerSubstrate extends EventEmitter<DropletEvents> implements Substrate {
  /** Snapshots that are being taken. */
  private readonly taking = new Set<string>();
  private readonly queues = new Map<number, Promise<unknown>>();
  /** Droplets that are on, with the boot that was seen last. */
  private readonly boots = new Map<number, number>();
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly lab: Lab,
    private readonly options: ContainerOptions,
  ) {
    super();
  }

  /** Takes over what runs already, cleans up after what died, and begins to watch. */
  static async open(lab: Lab, options: ContainerOptions = {}): Promise<ContainerSubstrate> {
    const substrate = new ContainerSubstrate(lab, options);
    removeAside(trashOf(lab));
    substrate.removeUnused();
    for (const id of dropletIds(lab)) {
      if (dropletProcess(lab, id) === undefined) await substrate.cleanUp(id);
      else substrate.boots.set(id, readState(lab, id)?.value ?? 1);
    }
    substrate.timer = setInterval(() => substrate.watch(), WATCH_MS).unref();
    return substrate;
  }

  /** Stops watching. Droplets go on. */
  close(): void {
    clearInterval(this.timer);
  }

  isOn(id: number): boolean {
    return dropletProcess(this.lab, id) !== undefined;
  }

  createDroplet(spec: DropletSpec): Promise<void> {
    return this.inTurn(spec.id, async () => {
      const paths = dropletPaths(this.lab, spec.id);
      if (existsSync(paths.record)) throw new Error(`droplet ${spec.id} exists already`);
      await this.removeFiles(spec.id);
      const tree =
        spec.snapshotId === undefined
          ? await ensureImage(this.lab.cache, spec.image, this.options)
          : snapshotTree(this.lab, spec.snapshotId);
      const record = { spec, tree, volumes: spec.volumeIds.map((id, index) => ({ id, index })) };
      mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
      await makeRoot(this.lab, record);
      const { caCertificate } = this.options;
      const inRoot = (command: string[], input: string): Promise<void> => runInRoot(this.lab, record, command, input);
      await applyDifferences(paths.root, { spec, inRoot, ...(caCertificate === undefined ? {} : { caCertificate }) });
      this.save(record);
      await this.start(spec.id);
    });
  }

  shutdownDroplet(id: number): Promise<void> {
    return this.inTurn(id, async () => {
      const leader = leaderOf(this.lab, id);
      if (leader !== undefined) process.kill(leader, POWER_BUTTON);
      await waitFor(`droplet ${id} shuts down`, () => !this.isOn(id), { timeoutMs: SHUTDOWN_MS });
      await this.cleanUp(id);
    });
  }

  powerOffDroplet(id: number): Promise<void> {
    return this.inTurn(id, () => this.pullPlug(id));
  }

  powerOnDroplet(id: number): Promise<void> {
    return this.inTurn(id, () => this.start(id));
  }

  destroyDroplet(id: number): Promise<void> {
    return this.inTurn(id, async () => {
      await this.pullPlug(id);
      await this.removeFiles(id);
    });
  }

  resizeDroplet(id: number, size: { memoryMiB: number; vcpus: number; diskGiB: number }): Promise<void> {
    return this.inTurn(id, () => {
      const record = this.load(id);
      this.save({ ...record, spec: { ...record.spec, ...size } });
      return Promise.resolve();
    });
  }

  snapshotDroplet(id: number, snapshotId: string): Promise<void> {
    return this.inTurn(id, async () => {
      this.taking.add(snapshotId);
      await takeSnapshot(this.lab, this.load(id), snapshotId).finally(() => this.taking.delete(snapshotId));
    });
  }

  destroySnapshot(snapshotId: string): Promise<void> {
    forgetSnapshot(this.lab, snapshotId);
    this.removeUnused();
    return Promise.resolve();
  }

  createVolume(spec: VolumeSpec): Promise<void> {
    return volumes.createVolume(this.lab, spec);
  }

  attachVolume(volumeId: string, dropletId: number): Promise<void> {
    return this.inTurn(dropletId, async () => {
      const holder = this.holderOf(volumeId);
      if (holder === dropletId) return;
      if (holder !== undefined) throw new Error(`volume ${volumeId} is attached to droplet ${holder}`);
      const record = this.load(dropletId);
      const taken = record.volumes.map(({ index }) => index);
      const index = [...taken.keys(), taken.length].find((place) => !taken.includes(place)) ?? taken.length;
      const attached = { ...record, volumes: [...record.volumes, { id: volumeId, index }] };
      volumes.readVolume(this.lab, volumeId);
      if (this.isOn(dropletId)) {
        const device = await volumes.openVolume(this.lab, volumeId, index);
        await this.makeNode(dropletId, device);
        volumes.addDiskLinks(dropletPaths(this.lab, dropletId).disk, device);
        this.bindAtReboot(dropletId, device.target, device.source);
      }
      this.save(attached);
    });
  }

  async detachVolume(volumeId: string): Promise<void> {
    const holder = this.holderOf(volumeId);
    if (holder === undefined) return;
    await this.inTurn(holder, async () => {
      const record = this.load(holder);
      const attached = record.volumes.find(({ id }) => id === volumeId);
      if (attached === undefined) return;
      if (this.isOn(holder)) await this.pullVolume(holder, volumeId, attached.index);
      await volumes.closeVolume(this.lab, volumeId);
      this.save({ ...record, volumes: record.volumes.filter(({ id }) => id !== volumeId) });
    });
  }

  resizeVolume(volumeId: string, sizeGiB: number): Promise<void> {
    return volumes.growVolume(this.lab, volumeId, sizeGiB);
  }

  async destroyVolume(volumeId: string): Promise<void> {
    const holder = this.holderOf(volumeId);
    if (holder !== undefined) throw new Error(`volume ${volumeId} is attached to droplet ${holder}: detach it first`);
    await volumes.removeVolume(this.lab, volumeId);
  }

  async applyFirewalls(policies: DropletFirewall[]): Promise<void> {
    await run(inNamespace(this.lab.ns.lab, ["nft", "--file", "-"]), { input: renderFirewall(policies) });
  }

  /** One change of a droplet at a time. */
  private inTurn<T>(id: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.queues.get(id) ?? Promise.resolve()).then(work, work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.queues.set(id, settled);
    void settled.then(() => {
      if (this.queues.get(id) === settled) this.queues.delete(id);
    });
    return turn;
  }

  private async start(id: number): Promise<void> {
    if (this.isOn(id)) return;
    const record = this.load(id);
    const paths = dropletPaths(this.lab, id);
    await this.cleanUp(id);
    const renumbered = { ...record, volumes: record.volumes.map((volume, index) => ({ ...volume, index })) };
    const devices: volumes.VolumeDevice[] = [];
    for (const { id: volume, index } of renumbered.volumes) {
      devices.push(await volumes.openVolume(this.lab, volume, index));
    }
    volumes.writeDiskLinks(paths.disk, devices);
    writeFileSync(paths.cgroups, `${createDropletCgroups(this.lab, id, record.spec).join("\n")}\n`);
    limitSwap(this.lab, id, record.spec.memoryMiB, 0);
    writeFileSync(
      paths.arguments,
      `${nspawnArguments(this.lab, record, { devices, overlays: overlayArguments(this.lab, record) }).join("\n")}\n`,
    );
    writeFileSync(paths.meminfo, this.meminfo(record, []));
    writeFileSync(paths.swaps, renderSwaps([]));
    this.save(renumbered);
    await this.answerForNeighbour("replace", record.spec.ipv6);
    const runner = [join(__dirname, "run-droplet.sh"), paths.directory, linkName(id), INTERFACES.bridge];
    startRecorded(this.lab, processName(id), inNamespace(this.lab.ns.lab, ["bash", ...runner]));
    await this.waitUntilRunning(id);
    this.boots.set(id, 1);
  }

  private async waitUntilRunning(id: number): Promise<void> {
    const state = await waitFor(`droplet ${id} starts`, () => {
      const said = readState(this.lab, id);
      return said?.word === "running" || !this.isOn(id) ? (said ?? { word: "off" as const, value: -1 }) : undefined;
    });
    if (state.word === "running") return;
    // The log goes with the lab.
    const said = readFileSync(logOf(this.lab, processName(id)), "utf8")
      .trim()
      .split("\n")
      .slice(-5)
      .join("\n  ");
    await this.cleanUp(id);
    throw new Error(`droplet ${id} did not start (systemd-nspawn ended with ${state.value}):\n  ${said}`);
  }

  private async pullPlug(id: number): Promise<void> {
    if (existsSync(dropletPaths(this.lab, id).record) && this.isOn(id)) {
      const leader = leaderOf(this.lab, id);
      for (const volume of this.load(id).volumes) {
        if (leader !== undefined) await volumes.cutOff(this.lab, volume.id, leader);
      }
      const supervisor = dropletProcess(this.lab, id);
      if (supervisor !== undefined) process.kill(supervisor.pid, "SIGTERM");
      await waitFor(`droplet ${id} is off`, () => !this.isOn(id), { timeoutMs: 15_000 });
    }
    await this.cleanUp(id);
  }

  /** Gives back what the kernel keeps of a droplet that is off. */
  private async cleanUp(id: number): Promise<void> {
    this.boots.delete(id);
    await releaseDroplet(this.lab, id);
    if (existsSync(dropletPaths(this.lab, id).record)) {
      for (const volume of this.load(id).volumes) await volumes.closeVolume(this.lab, volume.id);
    }
  }

  private async removeFiles(id: number): Promise<void> {
    const paths = dropletPaths(this.lab, id);
    if (existsSync(paths.record)) await this.answerForNeighbour("delete", this.load(id).spec.ipv6);
    if (!existsSync(paths.directory)) return;
    this.discard(paths.directory);
    this.removeUnused();
  }

  private removeUnused(): void {
    for (const folder of collectSnapshots(this.lab, [...this.taking])) this.discard(folder);
  }

  /** Out of the way at once; its files go meanwhile. */
  private discard(folder: string): void {
    const discarded = join(trashOf(this.lab), `${basename(folder)}-${Date.now()}`);
    mkdirSync(trashOf(this.lab), { recursive: true, mode: 0o700 });
    renameSync(folder, discarded);
    removeAside(discarded);
  }

  private async makeNode(id: number, device: volumes.VolumeDevice): Promise<void> {
    const [major = "", minor = ""] = volumes.deviceNumber(device.source).split(":");
    await run(dropletCommand(this.lab, id, ["mknod", "-m", "0660", device.target, "b", major, minor]));
  }

  /** The device goes; what was mounted stays mounted and answers with errors, as with a disk that was pulled. */
  private async pullVolume(dropletId: number, volumeId: string, index: number): Promise<void> {
    const leader = leaderOf(this.lab, dropletId);
    if (leader === undefined) return;
    await volumes.cutOff(this.lab, volumeId, leader);
    const target = volumes.deviceTarget(index);
    volumes.removeDiskLinks(dropletPaths(this.lab, dropletId).disk, target);
    this.bindAtReboot(dropletId, target);
    // Bound over since the boot, or made by mknod since.
    await tryRun(
      dropletCommand(this.lab, dropletId, ["sh", "-c", 'umount "$1" 2>/dev/null; rm -f "$1"', "sh", target]),
    );
  }

  /** A droplet that reboots by itself is started again with the arguments that lie there. */
  private bindAtReboot(id: number, target: string, source?: string): void {
    const { arguments: path } = dropletPaths(this.lab, id);
    const others = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => !line.endsWith(`:${target}`));
    const end = others.findIndex((line) => line.startsWith("systemd."));
    others.splice(end, 0, ...(source === undefined ? [] : [bindDevice({ source, target })]));
    writeFileSync(path, others.join("\n"));
  }

  /** IPv6 has no way to answer for a whole prefix, so the router is told each address. */
  private async answerForNeighbour(verb: "replace" | "delete", ipv6: string | undefined): Promise<void> {
    if (ipv6 === undefined) return;
    const change = ["ip", "-6", "neigh", verb, "proxy", ipv6, "dev", INTERFACES.bridge];
    const result = await tryRun(inNamespace(this.lab.ns.lab, change));
    if (result.code !== 0 && verb === "replace") throw new Error(`no proxy for ${ipv6}: ${result.stderr.trim()}`);
  }

  private holderOf(volumeId: string): number | undefined {
    return dropletIds(this.lab).find((id) => {
      const path = dropletPaths(this.lab, id).record;
      return existsSync(path) && this.load(id).volumes.some((volume) => volume.id === volumeId);
    });
  }

  private load(id: number): DropletRecord {
    const path = dropletPaths(this.lab, id).record;
    if (!existsSync(path)) throw new Error(`there is no droplet ${id}`);
    return JSON.parse(readFileSync(path, "utf8")) as DropletRecord;
  }

  private save(record: DropletRecord): void {
    const path = dropletPaths(this.lab, record.spec.id).record;
    writeFileSync(`${path}.new`, JSON.stringify(record, null, 2), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  private watch(): void {
    for (const [id, boot] of this.boots) {
      if (this.queues.has(id)) continue;
      const state = readState(this.lab, id);
      if (!this.isOn(id)) {
        this.inTurn(id, () => this.cleanUp(id)).then(
          () => this.emit("stopped", id, state?.word === "off" ? state.value : -1),
          () => this.emit("stopped", id, -1),
        );
      } else {
        this.refreshFigures(id);
        if (state !== undefined && state.value > boot) {
          this.boots.set(id, state.value);
          this.emit("rebooted", id);
        }
      }
    }
  }

  /** Written in place: the droplet sees these very files. */
  private refreshFigures(id: number): void {
    const paths = dropletPaths(this.lab, id);
    try {
      const swaps = dropletSwaps(paths.root);
      const record = this.load(id);
      overwrite(paths.meminfo, this.meminfo(record, swaps));
      overwrite(paths.swaps, renderSwaps(swaps));
      limitSwap(this.lab, id, record.spec.memoryMiB, swapTotal(swaps));
    } catch {
      // It went off in between; the next round sees that.
    }
  }

  private meminfo({ spec }: DropletRecord, swaps: SwapFile[]): string {
    return renderMeminfo({
      sizeMiB: spec.memoryMiB,
      ...memoryUsage(this.lab, spec.id),
      swapTotal: swapTotal(swaps) * 1024,
      swapUsed: swaps.reduce((total, swap) => total + swap.usedKiB, 0) * 1024,
    });
  }
}

/** In KiB. */
const swapTotal = (swaps: SwapFile[]): number => swaps.reduce((total, swap) => total + swap.sizeKiB, 0);

function overwrite(path: string, text: string): void {
  const file = openSync(path, "r+");
  try {
    writeSync(file, text, 0);
    ftruncateSync(file, Buffer.byteLength(text));
  } finally {
    closeSync(file);
  }
}

/** systemd-nspawn's folder outside of the lab: it leaves its machine's there, empty. */
const NSPAWN_PROPAGATE = "/run/systemd/nspawn/propagate";

async function releaseDroplet(lab: Lab, id: number): Promise<void> {
  await removeCgroups(lab, id);
  removeEmpty(join(NSPAWN_PROPAGATE, machineName(lab, id)));
  await releaseSwap(dropletPaths(lab, id).root);
}

/**
 * Stops all droplets of a lab at once, the hard way, and gives back what the kernel keeps for them: processes, mounts
 * (they are in the containers' own namespaces and go with them), swap, loop devices, cgroups. Needs no daemon, and works
 * after a crash at any point. Files stay; `<lab.dir>` can be removed afterwards.
 */
export async function releaseDroplets(lab: Lab): Promise<void> {
  for (const id of dropletIds(lab)) {
    const supervisor = dropletProcess(lab, id);
    if (supervisor !== undefined) process.kill(supervisor.pid, "SIGKILL");
    await releaseDroplet(lab, id);
  }
  await removeCgroups(lab);
  for (const id of volumes.volumeIds(lab)) await volumes.closeVolume(lab, id);
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not there, or someone else's are in it.
  }
}
