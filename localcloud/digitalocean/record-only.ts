import type { Substrate } from "../substrate";

/** A substrate that boots nothing and remembers what it was asked for, in order. */
export function recordOnly(): Substrate & { record: { call: string; args: unknown[] }[] } {
  const record: { call: string; args: unknown[] }[] = [];
  const remember =
    (call: string) =>
    (...args: unknown[]): Promise<void> => {
      record.push({ call, args: structuredClone(args) });
      return Promise.resolve();
    };
  return {
    record,
    createDroplet: remember("createDroplet"),
    shutdownDroplet: remember("shutdownDroplet"),
    powerOffDroplet: remember("powerOffDroplet"),
    powerOnDroplet: remember("powerOnDroplet"),
    destroyDroplet: remember("destroyDroplet"),
    resizeDroplet: remember("resizeDroplet"),
    snapshotDroplet: remember("snapshotDroplet"),
    destroySnapshot: remember("destroySnapshot"),
    createVolume: remember("createVolume"),
    attachVolume: remember("attachVolume"),
    detachVolume: remember("detachVolume"),
    resizeVolume: remember("resizeVolume"),
    destroyVolume: remember("destroyVolume"),
    applyFirewalls: remember("applyFirewalls"),
  };
}
