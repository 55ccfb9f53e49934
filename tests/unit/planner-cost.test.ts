import fc from "fast-check";
import { resourceCost, shippedCatalogue, stackCost, unpriced } from "../../planner";
import { DROPLET, VOLUME } from "../fixtures/policy";

const catalogue = shippedCatalogue();
const cost = (type: string, props: Record<string, unknown>) =>
  resourceCost(type, props, catalogue).map(({ what, monthlyUsd }) => `${what} ${monthlyUsd.toFixed(2)}`);
const digitalocean = (name: string) => `digitalocean:index/${name[0]?.toLowerCase()}${name.slice(1)}:${name}`;

describe("the cost of a resource", () => {
  it("is the size's for a droplet, and nothing where nobody sells it", () => {
    expect(cost(DROPLET, { size: "s-1vcpu-2gb" })).toEqual(["droplet s-1vcpu-2gb 12.00"]);
    expect(cost(DROPLET, { size: "s-9vcpu-9gb" })).toEqual([]);
    expect(cost(DROPLET, {})).toEqual([]);
  });

  it("grows by a fifth for weekly backups, and by three tenths for daily ones, which DigitalOcean makes by default", () => {
    const backups = (more: object) => cost(DROPLET, { size: "s-1vcpu-2gb", backups: true, ...more })[1];
    expect(backups({ backupPolicy: { plan: "weekly" } })).toBe("backups, weekly 2.40");
    expect(backups({ backupPolicy: { plan: "daily" } })).toBe("backups, daily 3.60");
    expect(backups({})).toBe("backups, daily 3.60");
    expect(backups({ backups: false })).toBeUndefined();
  });

  it("is by size for volumes and snapshots, once that is known", () => {
    expect(cost(VOLUME, { size: 10 })).toEqual(["volume 10 GiB 1.00"]);
    expect(cost(digitalocean("DropletSnapshot"), { size: 2.5 })).toEqual(["snapshot 2.5 GiB 0.15"]);
    expect(cost(digitalocean("VolumeSnapshot"), { size: 10 })).toEqual(["snapshot 10 GiB 0.60"]);
    expect(cost(digitalocean("VolumeSnapshot"), { volumeId: "x" })).toEqual([]);
  });

  it("is that of a reserved address only while no droplet has it", () => {
    const address = { type: digitalocean("ReservedIp"), props: { region: "nyc3" } };
    expect(cost(address.type, address.props)).toEqual(["reserved address, unassigned 5.00"]);
    expect(cost(address.type, { region: "nyc3", dropletId: 7 })).toEqual([]);
    expect(stackCost([address], catalogue).monthlyUsd).toBe(5);
    const assignment = { type: digitalocean("ReservedIpAssignment"), props: { dropletId: 7 } };
    expect(stackCost([address, assignment], catalogue).monthlyUsd).toBe(0);
  });

  it("is known for what hermes makes, and not for what it has no price of", () => {
    for (const free of ["Tag", "Firewall", "SshKey"])
      expect(unpriced(digitalocean(free), {}, catalogue)).toBeUndefined();
    expect(unpriced(DROPLET, { size: "s-1vcpu-2gb" }, catalogue)).toBeUndefined();
    expect(unpriced("command:remote:Command", {}, catalogue)).toBeUndefined();
    expect(unpriced(DROPLET, { size: "s-9vcpu-9gb" }, catalogue)).toMatch(/size/);
    expect(unpriced(digitalocean("DatabaseCluster"), {}, catalogue)).toMatch(/no price/);
  });
});

describe("the cost of a stack", () => {
  it("is the sum of its lines, to the cent, and never less with one more resource", () => {
    const volumes = fc.array(fc.integer({ min: 1, max: 16_384 }).map((size) => ({ type: VOLUME, props: { size } })));
    fc.assert(
      fc.property(volumes, (resources) => {
        const { monthlyUsd, lines } = stackCost(resources, catalogue);
        expect(lines.reduce((sum, line) => sum + line.monthlyUsd, 0)).toBeCloseTo(monthlyUsd, 2);
        const more = stackCost([...resources, { type: DROPLET, props: { size: "s-1vcpu-2gb" } }], catalogue);
        expect(more.monthlyUsd).toBeCloseTo(monthlyUsd + 12, 2);
        expect(more.hourlyUsd).toBeGreaterThan(0);
      }),
    );
  });
});
