import { ADDRESSES } from "../addresses";
import type { DropletFirewall, FirewallRule, Substrate } from "../substrate";
import { regionSlugs, type CatalogueSize } from "./catalogue";
import { ipv4Of, ipv6Of } from "./droplet-addresses";
import { notFound, pendingEvent, unprocessable } from "./errors";
import {
  loadState,
  saveState,
  type ActionRecord,
  type CloudState,
  type DropletRecord,
  type RuleRecord,
  type SnapshotRecord,
  type VolumeRecord,
} from "./state";

/** How long things take at least, in milliseconds. May be changed while the emulator runs. */
export interface Timings {
  /** From the machine's start to status `active`. */
  activeMs: number;
  /** Any other action. */
  actionMs: number;
}

const KEPT_ACTIONS = 200;

/** The account: its state, what locks what, and the machines below. The routes hold what each call does. */
export class Cloud {
  readonly state: CloudState;
  readonly regions: string[];
  private firewallQueue: Promise<void> = Promise.resolve();
  private readonly work = new Set<Promise<void>>();
  private readonly effects = new Map<number, () => void>();

  constructor(
    readonly catalogue: CatalogueSize[],
    readonly substrate: Substrate,
    private readonly stateFile: string,
    readonly timings: Timings,
  ) {
    this.state = loadState(stateFile);
    this.regions = regionSlugs(catalogue);
  }

  newId(): number {
    return ++this.state.nextId;
  }

  size(slug: string): CatalogueSize {
    const size = this.catalogue.find((candidate) => candidate.slug === slug);
    if (size === undefined) throw unprocessable("You specified an invalid size for Droplet creation.");
    return size;
  }

  droplet(id: string | number): DropletRecord {
    const droplet = this.state.droplets[String(id)];
    if (droplet === undefined) throw notFound();
    return droplet;
  }

  volume(id: string): VolumeRecord {
    const volume = this.state.volumes[id];
    if (volume === undefined) throw notFound();
    return volume;
  }

  snapshot(id: string): SnapshotRecord {
    const snapshot = this.state.snapshots[id];
    if (snapshot === undefined) throw notFound();
    return snapshot;
  }

  addTags(names: string[]): void {
    for (const name of names) if (!this.state.tags.includes(name)) this.state.tags.push(name);
  }

  /** The next free host number after the last one given, going round. */
  takeHost(): number {
    const { first, last } = ADDRESSES.droplets;
    const taken = new Set(Object.values(this.state.droplets).map((droplet) => droplet.host));
    for (let step = 0, host = this.state.lastHost; step <= last - first; step++) {
      host = host + 1 < first || host + 1 > last ? first : host + 1;
      if (!taken.has(host)) return (this.state.lastHost = host);
    }
    throw unprocessable("creating this/these droplet(s) will exceed your droplet limit");
  }

  isLocked(droplet: DropletRecord): boolean {
    return droplet.deleting || droplet.status === "new" || this.hasPendingAction(`droplet:${droplet.id}`);
  }

  mustBeUnlocked(droplet: DropletRecord): void {
    if (this.isLocked(droplet)) throw pendingEvent();
  }

  hasPendingAction(lock: string): boolean {
    return Object.values(this.state.actions).some((a) => a.status === "in-progress" && a.locks.includes(lock));
  }

  /**
   * Starts an action: the machine's part runs in the background, its effect on the account shows when that part is done
   * and the least time has passed.
   */
  startAction(
    action: Pick<ActionRecord, "type" | "resourceId" | "resourceType" | "region" | "locks">,
    machine: () => Promise<void>,
    effect: () => void,
  ): ActionRecord {
    const started: ActionRecord = {
      ...action,
      id: this.newId(),
      status: "in-progress",
      startedAt: isoNow(),
      completedAt: null,
      startedMs: Date.now(),
      workDone: false,
    };
    this.state.actions[String(started.id)] = started;
    this.effects.set(started.id, effect);
    this.inBackground(`${action.type} of ${action.locks.join(", ")}`, async () => {
      try {
        await machine();
        started.workDone = true;
      } catch (error) {
        this.finish(started, "errored");
        throw error;
      }
    });
    return started;
  }

  /** Brings the account up to date with the clock; called before every request. */
  settle(): void {
    for (const action of Object.values(this.state.actions)) {
      const least = action.type === "create" ? this.timings.activeMs : this.timings.actionMs;
      if (action.status !== "in-progress" || !action.workDone || Date.now() - action.startedMs < least) continue;
      this.effects.get(action.id)?.();
      this.finish(action, "completed");
    }
  }

  private finish(action: ActionRecord, status: "completed" | "errored"): void {
    this.effects.delete(action.id);
    action.status = status;
    action.completedAt = isoNow();
    this.forgetOldActions();
  }

  private forgetOldActions(): void {
    const ended = Object.values(this.state.actions).filter((action) => action.status !== "in-progress");
    for (const action of ended.slice(0, -KEPT_ACTIONS)) delete this.state.actions[String(action.id)];
  }

  /** A machine powered itself off. What an action does to it, that action says. */
  noteOff(dropletId: number): void {
    const droplet = this.state.droplets[String(dropletId)];
    if (droplet === undefined || this.isLocked(droplet)) return;
    droplet.status = "off";
    this.save();
  }

  /** Work whose end nobody waits for; a failure is kept among the problems. */
  inBackground(what: string, work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        this.state.problems.push({ t: new Date().toISOString(), what, error: String(error) });
      })
      .finally(() => {
        this.work.delete(running);
        this.save();
      });
    this.work.add(running);
  }

  /** Resolves when no machine is being worked on any more. */
  async idle(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work);
  }

  save(): void {
    saveState(this.stateFile, this.state);
  }

  /** Hands the whole cloud firewall to the substrate, one at a time, with the rules as they are when its turn comes. */
  pushFirewalls(): Promise<void> {
    const push = this.firewallQueue.then(() => this.substrate.applyFirewalls(this.policies()));
    this.firewallQueue = push.catch(() => undefined);
    return push;
  }

  policies(): DropletFirewall[] {
    return Object.values(this.state.droplets).map((droplet) => {
      const covering = Object.values(this.state.firewalls).filter(
        (firewall) =>
          firewall.dropletIds.includes(droplet.id) || firewall.tags.some((tag) => droplet.tags.includes(tag)),
      );
      return {
        dropletId: droplet.id,
        ipv4: ipv4Of(droplet.host),
        ...(droplet.ipv6 ? { ipv6: ipv6Of(droplet.host) } : {}),
        covered: covering.length > 0,
        inbound: covering.flatMap((firewall) => firewall.inbound.map((rule) => this.resolveRule(rule))),
        outbound: covering.flatMap((firewall) => firewall.outbound.map((rule) => this.resolveRule(rule))),
      };
    });
  }

  /** Tags and droplets named in a rule become those droplets' addresses. */
  private resolveRule(rule: RuleRecord): FirewallRule {
    const named = Object.values(this.state.droplets).filter(
      (droplet) =>
        rule.target.dropletIds.includes(droplet.id) || rule.target.tags.some((tag) => droplet.tags.includes(tag)),
    );
    const addresses = named.flatMap((d) => [ipv4Of(d.host), ...(d.ipv6 ? [ipv6Of(d.host)] : [])]);
    return {
      protocol: rule.protocol,
      ...(rule.protocol === "icmp" ? {} : { ports: normalPorts(rule.ports) }),
      addresses: [...rule.target.addresses, ...addresses],
    };
  }
}

/** "0" for all ports, whichever way it was said. */
const normalPorts = (ports: string | undefined): string =>
  ports === undefined || ports === "all" || ports === "1-65535" ? "0" : ports;

/** Seconds, as the API has them. */
export const isoNow = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");
