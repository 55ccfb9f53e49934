import { ROLES, type Counted, type MemoryReader, type Role, type Sample } from "./memory-sample";

/** The highest of what was read, MiB; each figure may be of another moment. */
export interface Peaks {
  /** Memory of processes in RAM and swap that no file backs: it can go nowhere else. The planner budgets it. */
  total: number;
  swap: number;
  kernel: number;
  /** Of the gateway's main process, program text and libraries included. */
  gatewayRss: number;
  /** Per cent of ten seconds. */
  pressure: number;
  roles: Partial<Record<Role, number>>;
  /** All roles without the `commands`, which stand for people's and `up`'s. */
  withoutCommands: number;
}

export interface Recording {
  samples: Sample[];
  events: { at: number; what: string }[];
  counted: Counted;
  peaks: Peaks;
}

/** Reads four times a second until it is stopped. */
export class Recorder {
  private readonly samples: Sample[] = [];
  private readonly events: { at: number; what: string }[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly reader: MemoryReader) {
    this.samples.push(reader.read());
    this.timer = setInterval(() => this.samples.push(reader.read()), 250);
  }

  note(what: string): void {
    this.events.push({ at: this.samples.at(-1)?.at ?? 0, what });
  }

  stop(): Recording {
    clearInterval(this.timer);
    const { samples, events } = this;
    return { samples, events, counted: this.reader.counted(), peaks: peaksOf(samples) };
  }
}

export function peaksOf(samples: Sample[]): Peaks {
  const highest = (value: (sample: Sample) => number): number =>
    Math.ceil(samples.reduce((most, sample) => Math.max(most, value(sample)), 0));
  const roles = ROLES.map((role): [Role, number] => [role, highest((sample) => sample.roles?.[role] ?? 0)]);
  return {
    total: highest(({ rss, swap }) => rss + swap),
    swap: highest(({ swap }) => swap),
    kernel: highest(({ kernel }) => kernel),
    gatewayRss: highest(({ gatewayRss = 0 }) => gatewayRss),
    pressure: highest(({ pressure = 0 }) => pressure),
    roles: Object.fromEntries(roles.filter(([, mib]) => mib > 0)),
    withoutCommands: highest(({ roles: all = {} }) => sum(all) - (all.commands ?? 0)),
  };
}

const sum = (roles: Partial<Record<Role, number>>): number =>
  Object.values(roles).reduce((total, each) => total + each, 0);
