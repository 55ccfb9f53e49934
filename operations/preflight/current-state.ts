import type { Birth } from "../../components/bootstrap-id";
import { type Entry } from "../../lib/digitalocean/account";
import { isMap } from "../../lib/maps";
import { knownOf, type StateResource, type Survey } from "../sweep";

/** What stands now, as the account and the stack's state tell it. */
export interface CurrentState {
  droplet?: {
    id: string;
    size: string;
    region: string;
    diskGiB: number;
    /** What the state says its size is; another one than the droplet has after a resize that failed. */
    recordedSize?: string;
  };
  volume?: { sizeGiB: number; region: string; isProtected: boolean };
  /** What the droplet was given at birth; absent where an older hermes made it. */
  birth?: Birth;
}

/** Only what is in the stack's state counts: a stray is another matter. */
export function currentState({ things, state = [] }: Survey): CurrentState {
  const known = knownOf(state);
  const of = (kind: "droplet" | "volume") =>
    things.find((thing) => thing.kind === kind && known.ids[kind].has(thing.id))?.entry;
  const [droplet, volume, birth] = [of("droplet"), of("volume"), birthIn(state)];
  return {
    ...(droplet === undefined ? {} : { droplet: { ...dropletOf(droplet), ...recordedSize(state) } }),
    ...(volume === undefined ? {} : { volume: { ...volumeOf(volume), isProtected: isProtected(state) } }),
    ...(birth === undefined ? {} : { birth }),
  };
}

const dropletOf = (entry: Entry) => ({
  id: String(entry["id"]),
  size: String(entry["size_slug"]),
  region: regionOf(entry),
  diskGiB: Number(entry["disk"]),
});

function recordedSize(state: readonly StateResource[]): { recordedSize?: string } {
  const size = state.find(({ type }) => type === "digitalocean:index/droplet:Droplet")?.outputs?.["size"];
  return typeof size === "string" ? { recordedSize: size } : {};
}

const volumeOf = (entry: Entry) => ({ sizeGiB: Number(entry["size_gigabytes"]), region: regionOf(entry) });

const regionOf = (entry: Entry): string => (isMap(entry["region"]) ? String(entry["region"]["slug"]) : "");

const isProtected = (state: readonly StateResource[]): boolean =>
  state.some(({ type, protect }) => type === "digitalocean:index/volume:Volume" && protect === true);

function birthIn(state: readonly StateResource[]): Birth | undefined {
  const stash = state.find(({ type, urn }) => type === "pulumi:index:Stash" && urn.endsWith("-birth"));
  const output = stash?.outputs?.["output"];
  return isMap(output) && isMap(output["given"]) ? (output["given"] as unknown as Birth) : undefined;
}
