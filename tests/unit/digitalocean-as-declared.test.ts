import { accountFaults, notAsDeclaredText, type Declared, type InAccount } from "../../components/account-faults";

const DECLARED: Declared = {
  droplet: { id: "7", size: "s-2vcpu-4gb", region: "nyc3", image: "debian-13-x64", tags: ["hermes"] },
  firewall: { id: "f1", tags: ["hermes"], inbound: [], outbound: ["tcp 443 0.0.0.0/0 ::/0"] },
  volume: { id: "v1", sizeGiB: 20 },
};
const outbound = { protocol: "tcp", ports: "443", destinations: { addresses: ["::/0", "0.0.0.0/0"] } };
const found = (changes: { droplet?: object; firewall?: object; volume?: object } = {}): InAccount => ({
  droplet: {
    name: "hermes",
    size_slug: "s-2vcpu-4gb",
    region: { slug: "nyc3" },
    image: { id: 5, slug: "debian-13-x64" },
    tags: ["hermes", "mine"],
    ...changes.droplet,
  },
  firewall: { name: "hermes", tags: ["hermes"], inbound_rules: [], outbound_rules: [outbound], ...changes.firewall },
  volume: { name: "hermes-state", size_gigabytes: 20, droplet_ids: [7], ...changes.volume },
});

const ssh = { protocol: "tcp", ports: "22", sources: { addresses: ["0.0.0.0/0"] } };
const FAULTS: [string, Parameters<typeof found>[0], string][] = [
  [
    "a smaller droplet",
    { droplet: { size_slug: "s-1vcpu-2gb" } },
    "droplet hermes (7): its size is s-1vcpu-2gb, and hermes:size is s-2vcpu-4gb",
  ],
  [
    "another region",
    { droplet: { region: { slug: "fra1" } } },
    "droplet hermes (7): its region is fra1, and hermes:region is nyc3",
  ],
  [
    "another image",
    { droplet: { image: { id: 6, slug: "ubuntu-24-04-x64" } } },
    "droplet hermes (7): its image is ubuntu-24-04-x64, and hermes:image is debian-13-x64",
  ],
  ["a tag that is gone", { droplet: { tags: ["mine"] } }, "droplet hermes (7): it lacks the tag hermes"],
  [
    "another bot's tag",
    { droplet: { tags: ["hermes", "hermes-telegram-bot:1"] } },
    "droplet hermes (7): it still has the tag hermes-telegram-bot:1",
  ],
  ["a firewall on another tag", { firewall: { tags: [] } }, "firewall hermes (f1): it does not cover the tag hermes"],
  [
    "a port that was opened",
    { firewall: { inbound_rules: [ssh] } },
    "firewall hermes (f1): inbound has more: tcp 22 0.0.0.0/0",
  ],
  [
    "a smaller volume",
    { volume: { size_gigabytes: 10 } },
    "volume hermes-state (v1): it has 10 GiB, and hermes:volumeGiB is 20",
  ],
  [
    "a larger volume",
    { volume: { size_gigabytes: 30 } },
    "volume hermes-state (v1): it has 30 GiB, and hermes:volumeGiB is 20; write 30, a volume cannot shrink",
  ],
  [
    "a volume that is detached",
    { volume: { droplet_ids: [] } },
    "volume hermes-state (v1): it is not attached to droplet 7",
  ],
];

describe("an account that is not as a stack declares", () => {
  it.each(FAULTS)("is told by name: %s", (_, changes, fault) => {
    expect(accountFaults(DECLARED, found(changes))).toEqual([fault]);
  });

  it("is told by what is gone", () => {
    expect(accountFaults(DECLARED, {})).toEqual(["droplet 7 is gone", "firewall f1 is gone", "volume v1 is gone"]);
  });

  it("gets the command that repairs it", () => {
    expect(notAsDeclaredText("copy", ["x"])).toContain("pulumi up --refresh --stack copy");
  });
});

describe("an account that is as a stack declares", () => {
  it("has no fault, whatever tags people gave the droplet", () => {
    expect(accountFaults(DECLARED, found())).toEqual([]);
  });

  it.each([
    ["its slug has moved on to a newer build", { id: 5, slug: null }],
    ["it was deleted", null],
  ])("has no fault where the image is not told any more: %s", (_, image) => {
    expect(accountFaults(DECLARED, found({ droplet: { image } }))).toEqual([]);
  });

  it("goes by the number of an image of one's own", () => {
    const own = { ...DECLARED, droplet: { ...DECLARED.droplet, image: "5" } };
    expect(accountFaults(own, found({ droplet: { image: { id: 5, slug: null } } }))).toEqual([]);
    expect(accountFaults(own, found({ droplet: { image: { id: 6 } } }))).toHaveLength(1);
  });

  it("needs no volume", () => {
    const bare = { droplet: DECLARED.droplet, firewall: DECLARED.firewall };
    expect(accountFaults(bare, found({ volume: { droplet_ids: [] } }))).toEqual([]);
  });
});
