import { birthOf } from "../../components/bootstrap-id";
import { planInput } from "../../config";
import type { HermesConfig } from "../../config/types";
import { currentState, type CurrentState } from "../../operations/preflight/current-state";
import { plannedChanges } from "../../operations/preflight/planned-changes";
import { plan, shippedCatalogue } from "../../planner";
import { hermesConfig } from "../fixtures/gateway-config";

const catalogue = shippedCatalogue();
const config: HermesConfig = { ...hermesConfig, size: "s-1vcpu-2gb", region: "nyc3", volumeGiB: 10 };
const droplet = { id: "7", size: "s-1vcpu-2gb", region: "nyc3", diskGiB: 50 };
const volume = { sizeGiB: 10, region: "nyc3", isProtected: true };
const standing: CurrentState = { droplet, volume, birth: birthOf(config) };
const bare: CurrentState = { droplet, birth: birthOf({ ...config, volumeGiB: 0 }) };

const planFor = (wanted: HermesConfig) => plan(planInput(wanted), catalogue);
function ahead(change: Partial<HermesConfig>, now: CurrentState = standing) {
  const wanted = { ...config, ...change };
  const before = now.droplet === undefined ? undefined : planFor({ ...wanted, size: now.droplet.size });
  return plannedChanges({ now, config: wanted, plan: planFor(wanted), before, catalogue });
}
const refusal = (change: Partial<HermesConfig>, now?: CurrentState) =>
  ahead(change, now).refusals.map(({ key, found, wrong }) => `${key} ${found}: ${wrong}`);

describe("what a preview says beforehand", () => {
  it("is nothing where nothing, or only something in place, changes", () => {
    for (const change of [{}, { volumeGiB: 20 }, { swapGiB: 2 }, { growDisk: true }])
      expect(ahead(change)).toEqual({ warnings: [], refusals: [] });
    expect(ahead({ bootstrapRevision: 9 }, {})).toEqual({ warnings: [], refusals: [] });
  });

  it("names the key that replaces the droplet, and what stays", () => {
    expect(ahead({ image: "debian-13-x64-2", bootstrapRevision: 2 }).warnings).toEqual([
      "hermes:bootstrapRevision, hermes:image changed, and a droplet is given that at birth only: droplet 7 is replaced by " +
        "a new one, about 5 minutes down. The volume stays, and with it sessions, memory, pairing and workspaces; the " +
        "tailnet node and its address stay too.",
    ]);
  });

  it("says that another name is another node", () => {
    const tailnet = { ...config.tailnet, hostname: "other" };
    expect(ahead({ tailnet }).warnings.join()).toMatch(/hermes:tailnet\.hostname.*new one, with a new address/);
  });

  it.each([
    ["a replacement without a volume", { volumeGiB: 0, bootstrapRevision: 2 }],
    ["a move without a volume", { volumeGiB: 0, region: "fra1" }],
    ["a volume for a droplet that had none", { volumeGiB: 10 }],
  ])("says that state is lost by %s", (_, change) => {
    expect(ahead(change, bare).warnings.join()).toMatch(/is LOST\. Save it before: .\/hermes backup/);
  });

  it("tells of a resize what is down, what stays, and the memory plan", () => {
    expect(ahead({ size: "s-2vcpu-4gb" }).warnings.join()).toMatch(
      /from s-1vcpu-2gb to s-2vcpu-4gb: droplet 7 is switched off, resized in place.*disk stays at 50 GiB.*may take [\d,]+ → [\d,]+ MiB/,
    );
  });

  it("tells of a resize that failed what a plain `up` would do, and the command that makes it", () => {
    const failed = { ...standing, droplet: { ...droplet, recordedSize: "s-2vcpu-4gb" } };
    expect(ahead({ size: "s-2vcpu-4gb" }, failed).warnings).toEqual([
      "droplet 7 has size s-1vcpu-2gb, though the state says s-2vcpu-4gb: an earlier resize failed, or it was changed " +
        "outside of Pulumi. `pulumi up --refresh` resizes it; without --refresh `up` changes nothing and fails.",
    ]);
  });

  it("tells of a disk that grows that it can never be undone", () => {
    expect(ahead({ size: "s-2vcpu-4gb", growDisk: true }).warnings.join()).toMatch(
      /grows from 50 to 80 GiB.*NEVER be undone: DigitalOcean then refuses every size with a smaller disk/,
    );
  });

  it("refuses a size with a smaller disk, but not for a droplet that is born anew", () => {
    const grown = { ...standing, droplet: { ...droplet, size: "s-2vcpu-4gb", diskGiB: 80 } };
    expect(refusal({}, grown)).toEqual([
      'hermes:size "s-1vcpu-2gb": its disk of 50 GiB is smaller than the droplet\'s, which has 80',
    ]);
    expect(refusal({ bootstrapRevision: 2 }, grown)).toEqual([]);
  });

  it("refuses a volume that shrinks, moves, or goes", () => {
    expect(refusal({ volumeGiB: 5 })).toEqual([
      "hermes:volumeGiB 5: the volume has 10 GiB, and a volume can grow, never shrink",
    ]);
    expect(refusal({ region: "fra1" })).toEqual([
      'hermes:region "fra1": the stack\'s volume is in nyc3, and volumes cannot change region',
    ]);
    expect(refusal({ volumeGiB: 0 })).toEqual([
      "hermes:volumeGiB 0: the stack's volume of 10 GiB holds all state, and is protected",
    ]);
    expect(refusal({ volumeGiB: 0 }, { ...standing, volume: { ...volume, isProtected: false } })).toEqual([]);
  });
});

describe("what stands now", () => {
  const droplets = ["1", "2"].map((id) => ({
    kind: "droplet" as const,
    ...{ id, name: "hermes", detail: "" },
    entry: { id: Number(id), size_slug: `size-${id}`, disk: 50, region: { slug: "nyc3" } },
  }));

  it("is what the state knows, not a stray", () => {
    const state = [{ urn: "u", type: "digitalocean:index/droplet:Droplet", id: "2" }];
    expect(currentState({ things: droplets, state })).toEqual({
      droplet: { id: "2", size: "size-2", region: "nyc3", diskGiB: 50 },
    });
    expect(currentState({ things: droplets })).toEqual({});
  });

  it("has what the droplet was given at birth, where that was noted", () => {
    const stash = (output: unknown) => [{ urn: "x::hermes-birth", type: "pulumi:index:Stash", outputs: { output } }];
    expect(currentState({ things: [], state: stash({ digest: "d", given: birthOf(config) }) }).birth).toEqual(
      birthOf(config),
    );
    expect(currentState({ things: [], state: stash("a digest alone") })).toEqual({});
  });
});
