import type { IncomingMessage } from "node:http";

/** A fault to inject. The first that matches and is not used up is taken. */
export interface Fault {
  method: string;
  /** Regular expression, searched in the path. */
  path: string;
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** Cuts the connection instead of answering: before the call is carried out, or after it. */
  drop?: "before" | "after";
  delayMs?: number;
  /**
   * How often it strikes.
   * @default 1
   */
  times?: number;
  /**
   * Matching calls that pass before it strikes.
   * @default 0
   */
  after?: number;
}

/** Takes the fault that this request meets, counting it down; used-up faults leave the list. */
export function takeFault(faults: Fault[], request: Pick<IncomingMessage, "method">, path: string): Fault | undefined {
  for (const fault of faults) {
    if (fault.method !== request.method || !new RegExp(fault.path).test(path)) continue;
    if ((fault.after ?? 0) > 0) {
      fault.after = (fault.after ?? 0) - 1;
      continue;
    }
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
    return fault;
  }
  return undefined;
}
