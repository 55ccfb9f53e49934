import { birthOf, type Birth } from "../../components/bootstrap-id";
import type { Problem } from "../../config/problem";
import type { HermesConfig } from "../../config/types";
import { cheapest, type Catalogue, type Plan } from "../../planner";
import { grouped } from "../../planner/budget";
import type { CurrentState } from "./current-state";

/** What a reader of the preview should know before saying yes. */
export interface PlannedChanges {
  /** In plain words; none for what is applied in place without anybody noticing. */
  warnings: string[];
  /** What DigitalOcean, or the protection of the state, would refuse halfway. */
  refusals: Problem[];
}

export interface PlannedChangesInput {
  now: CurrentState;
  config: HermesConfig;
  /** For the size that is wanted. */
  plan: Plan;
  /** For the size that the droplet has; absent: not known, or the same. */
  before?: Plan | undefined;
  catalogue: Catalogue;
}

/** Where each thing that is given at birth stands in the configuration. */
const KEYS_OF_BIRTH: Readonly<Record<keyof Required<Birth>, string>> = {
  revision: "hermes:bootstrapRevision",
  image: "hermes:image",
  region: "hermes:region",
  access: "hermes:access",
  ipv6: "hermes:ipv6",
  hostname: "hermes:tailnet.hostname",
  tag: "hermes:tailnet.tag",
  loginServer: "hermes:tailnet.loginServer",
  volume: "hermes:volumeGiB",
  ephemeral: "hermes:tailnet.ephemeral",
};
/** The node is evicted with these, or belongs to another tailnet. */
const KEYS_OF_NODE: readonly (keyof Birth)[] = ["hostname", "tag", "loginServer"];

/** What is now against what is wanted. Pure. */
export function plannedChanges(input: PlannedChangesInput): PlannedChanges {
  const { now, config } = input;
  const refusals = [...volumeRefusals(now, config)];
  const { droplet, birth } = now;
  const born = droplet === undefined || birth === undefined ? [] : changedAtBirth(birth, birthOf(config));
  if (born.length > 0) {
    const kept = now.volume !== undefined && config.volumeGiB > 0;
    return { warnings: [replacementWords({ droplet: droplet?.id ?? "", born, kept })], refusals };
  }
  const tooSmall = smallerDisk(input);
  if (tooSmall !== undefined) return { warnings: [], refusals: [...refusals, tooSmall] };
  return { warnings: resize(input), refusals };
}

/** What only a new droplet can be given. */
export function changedAtBirth(before: Birth, after: Birth): (keyof Birth)[] {
  return (Object.keys(KEYS_OF_BIRTH) as (keyof Birth)[]).filter((key) => before[key] !== after[key]);
}

export interface Replacement {
  /** Id of the droplet that goes. */
  droplet: string;
  born: readonly (keyof Birth)[];
  /** State is on a volume, before and after. */
  kept: boolean;
}

export function replacementWords({ droplet, born, kept }: Replacement): string {
  const keys = born.map((key) => KEYS_OF_BIRTH[key]).join(", ");
  return [
    `${keys} changed, and a droplet is given that at birth only: droplet ${droplet} is replaced by a new one, about 5 minutes down.`,
    kept
      ? `The volume stays, and with it sessions, memory, pairing and workspaces; ${nodeWords(born)}.`
      : "All state (sessions, memory, pairing, the tailnet node) is on its own disk and is LOST. Save it before: ./hermes backup.",
  ].join(" ");
}

const nodeWords = (born: readonly (keyof Birth)[]): string =>
  isAnotherNode(born)
    ? "the tailnet node is a new one, with a new address"
    : "the tailnet node and its address stay too";

/** With a volume the node's identity outlives the droplet, but for these. */
export const isAnotherNode = (born: readonly (keyof Birth)[]): boolean =>
  born.some((key) => KEYS_OF_NODE.includes(key));

function volumeRefusals({ volume }: CurrentState, config: HermesConfig): Problem[] {
  if (volume === undefined) return [];
  if (config.volumeGiB === 0) return volume.isProtected ? [volumeGoes(volume.sizeGiB)] : [];
  if (volume.region !== config.region) return [volumeMoves(volume.region, config)];
  return volume.sizeGiB > config.volumeGiB ? [volumeShrinks(volume.sizeGiB, config.volumeGiB)] : [];
}

const volumeGoes = (sizeGiB: number): Problem => ({
  key: "hermes:volumeGiB",
  found: "0",
  wrong: `the stack's volume of ${sizeGiB} GiB holds all state, and is protected`,
  allowed: "0 is for a stack that never had one; a protected volume is not deleted by an edit.",
  fix: `Write ${sizeGiB}. To give the state up: ./hermes backup, pulumi state unprotect of the volume's URN, and this edit again.`,
});

const volumeMoves = (from: string, config: HermesConfig): Problem => ({
  key: "hermes:region",
  found: JSON.stringify(config.region),
  wrong: `the stack's volume is in ${from}, and volumes cannot change region`,
  allowed: `Only ${from}, as long as this stack has its volume.`,
  fix: `Write ${from}; or move by way of a backup: ./hermes backup, a new stack with hermes:region ${config.region}, ./hermes restore there, then destroy this one.`,
});

const volumeShrinks = (from: number, to: number): Problem => ({
  key: "hermes:volumeGiB",
  found: String(to),
  wrong: `the volume has ${from} GiB, and a volume can grow, never shrink`,
  allowed: `At least ${from}.`,
  fix: `Write ${from}; for a smaller one: ./hermes backup, a new stack, ./hermes restore there.`,
});

/** With either kind of resize: DigitalOcean makes no disk smaller. */
function smallerDisk({ now: { droplet }, config, plan, catalogue }: PlannedChangesInput): Problem | undefined {
  if (droplet === undefined || droplet.size === config.size || plan.size.diskGiB >= droplet.diskGiB) return undefined;
  const fitting = catalogue.sizes.filter(
    ({ available, diskGiB, memoryMiB }) => available && diskGiB >= droplet.diskGiB && memoryMiB >= 2048,
  );
  const examples = cheapest(fitting).slice(0, 3);
  return {
    key: "hermes:size",
    found: JSON.stringify(config.size),
    wrong: `its disk of ${plan.size.diskGiB} GiB is smaller than the droplet's, which has ${droplet.diskGiB}`,
    allowed: `A size with at least ${droplet.diskGiB} GiB of disk, such as ${examples.map(({ slug }) => slug).join(", ")}: DigitalOcean never makes a disk smaller.`,
    fix: "Choose one of these; or raise hermes:bootstrapRevision in the same edit: a new droplet is born with the smaller disk, and state on a volume stays.",
  };
}

function resize({ now: { droplet }, config, plan, before }: PlannedChangesInput): string[] {
  if (droplet === undefined || droplet.size === config.size) return [];
  if (droplet.recordedSize === config.size) return [failedResizeWords(droplet, config.size)];
  const grows = config.growDisk && plan.size.diskGiB > droplet.diskGiB;
  const disk = { from: droplet.diskGiB, to: grows ? plan.size.diskGiB : droplet.diskGiB };
  const words = resizeWords({ droplet: droplet.id, from: droplet.size, to: config.size, disk });
  return [`${words}${memoryWords(plan, before)}`];
}

const failedResizeWords = ({ id, size }: { id: string; size: string }, wanted: string): string =>
  `droplet ${id} has size ${size}, though the state says ${wanted}: an earlier resize failed, or it was changed outside of Pulumi. ` +
  "`pulumi up --refresh` resizes it; without --refresh `up` changes nothing and fails.";

export interface Resize {
  /** Id of the droplet. */
  droplet: string;
  /** Sizes. */
  from: string;
  to: string;
  /** GiB; absent: nobody knows. */
  disk?: { from: number; to: number };
}

export function resizeWords({ droplet, from, to, disk }: Resize): string {
  const words = `hermes:size changes from ${from} to ${to}: droplet ${droplet} is switched off, resized in place and switched on, 2 to 5 minutes down.`;
  return disk === undefined ? words : `${words} ${diskWords(disk)}`;
}

const diskWords = ({ from, to }: { from: number; to: number }): string =>
  to > from
    ? `Its disk grows from ${from} to ${to} GiB (hermes:growDisk), which can NEVER be undone: DigitalOcean then refuses every size with a smaller disk.`
    : `Its disk stays at ${from} GiB, so that the way back stays open.`;

function memoryWords(plan: Plan, before: Plan | undefined): string {
  if (before === undefined) return "";
  const model = ({ local }: Plan): string => local.install?.tag ?? "none";
  const limit = ({ limits }: Plan): string => grouped(limits.memoryMaxMiB);
  const models = model(before) === model(plan) ? "" : `local model ${model(before)} → ${model(plan)}, `;
  return ` The memory plan is decided anew: ${models}the gateway may take ${limit(before)} → ${limit(plan)} MiB.`;
}
