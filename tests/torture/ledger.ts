import type { Strike } from "./cases";

/** One call or remote step that passed, and which of its name it was. */
export interface PassedCall {
  name: string;
  nth: number;
  /** Of an answer over HTTP; undefined when the connection was cut. */
  status?: number;
  struck?: true;
}

/** Everything that a run asks of the outside, in order, and the one strike that it is to suffer. */
export class Ledger {
  readonly calls: PassedCall[] = [];
  private strike: Strike | undefined;
  private killing: Promise<void> = Promise.resolve();

  /** @param pullPlug - the engine's power cut: resolves when no process of it runs */
  constructor(private readonly pullPlug: () => Promise<void>) {}

  /** Counts from here on, and strikes none or this one. */
  arm(strike?: Strike): void {
    this.strike = strike;
    this.calls.length = 0;
  }

  /** Records the next of that name. */
  enter(name: string): { call: PassedCall; kind?: Strike["kind"] } {
    const call: PassedCall = { name, nth: this.calls.filter((one) => one.name === name).length + 1 };
    this.calls.push(call);
    const { strike } = this;
    if (strike?.call.name !== name) return { call };
    const lasting = strike.kind.endsWith("until the end");
    if (call.nth !== strike.call.nth && !(lasting && call.nth > strike.call.nth)) return { call };
    call.struck = true;
    return { call, kind: strike.kind };
  }

  kill(): Promise<void> {
    this.killing = this.pullPlug();
    return this.killing;
  }

  /** Resolves when a power cut that began is over: it would hit the next run too. */
  quiet(): Promise<void> {
    return this.killing;
  }
}
