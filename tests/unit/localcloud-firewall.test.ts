import fc from "fast-check";
import { renderFirewall } from "../../localcloud/firewall";
import type { DropletFirewall, FirewallRule } from "../../localcloud/substrate";

const policy = (own: Partial<DropletFirewall> = {}): DropletFirewall => ({
  ...{ dropletId: 7, ipv4: "198.51.100.10", ipv6: "2001:db8:77::10" },
  ...{ covered: true, inbound: [], outbound: [], ...own },
});

const anyAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom("0.0.0.0/0", "::/0", "203.0.113.0/24", "2001:db8::/32"),
);
const anyPort = fc.integer({ min: 1, max: 65_535 });
const anyPorts = fc.oneof(
  fc.constantFrom("0", "all"),
  anyPort.map(String),
  fc.tuple(anyPort, anyPort).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
);
const anyRule: fc.Arbitrary<FirewallRule> = fc.oneof(
  fc.record({
    protocol: fc.constantFrom("tcp" as const, "udp" as const),
    ports: anyPorts,
    addresses: fc.array(anyAddress),
  }),
  fc.record({ protocol: fc.constant("icmp" as const), addresses: fc.array(anyAddress) }),
);

/** Lines of one chain, without its head and end. */
function chainOf(script: string, name: string): string[] {
  const body = new RegExp(`  chain ${name} \\{\\n([^}]*?)  \\}\\n`).exec(script)?.[1];
  return body === undefined
    ? []
    : body
        .trim()
        .split("\n")
        .map((line) => line.trim());
}

describe("the cloud firewall", () => {
  it("reads like this for a droplet with SSH from one network, everything out, beside an uncovered one", () => {
    const everywhere = ["0.0.0.0/0", "::/0"];
    const script = renderFirewall([
      policy({ dropletId: 8, ipv4: "198.51.100.11", ipv6: "2001:db8:77::11", covered: false }),
      policy({
        inbound: [{ protocol: "tcp", ports: "22", addresses: ["192.0.2.0/28", "2001:db8:98::/64"] }],
        outbound: [
          { protocol: "tcp", ports: "0", addresses: everywhere },
          { protocol: "udp", ports: "1000-2000", addresses: everywhere },
          { protocol: "icmp", addresses: everywhere },
        ],
      }),
    ]);
    expect(script).toMatchSnapshot();
  });

  it("replaces its own table in one go and touches no other", () => {
    const script = renderFirewall([policy()]);
    const tables = script.split("\n").filter((line) => /\btable\b/.test(line));
    expect(tables).toEqual(["table inet hermes_cloud", "delete table inet hermes_cloud", "table inet hermes_cloud {"]);
    expect(script).not.toContain("flush");
  });

  it("ends every covered droplet's chains with a drop, whatever its rules", () => {
    fc.assert(
      fc.property(fc.array(anyRule), fc.array(anyRule), (inbound, outbound) => {
        const script = renderFirewall([policy({ inbound, outbound })]);
        for (const name of ["inbound_7", "outbound_7"]) {
          const lines = chainOf(script, name);
          expect(lines.at(-1)).toBe("drop");
          expect(lines.slice(0, -1).every((line) => line.endsWith(" return"))).toBe(true);
        }
      }),
    );
  });

  it("never lets a rule of one direction or one family into the other", () => {
    fc.assert(
      fc.property(fc.array(anyRule), (inbound) => {
        const script = renderFirewall([policy({ inbound })]);
        expect(chainOf(script, "outbound_7")).toEqual(["drop"]);
        for (const line of chainOf(script, "inbound_7").slice(0, -1)) {
          expect(line).toMatch(line.includes(":") ? /^ip6 saddr / : /^ip saddr /);
          expect(line).not.toContain("daddr");
        }
      }),
    );
  });

  it("sends both addresses of a covered droplet through its chains, in both directions", () => {
    const script = renderFirewall([policy()]);
    expect(chainOf(script, "to_droplets")).toEqual([
      "ip daddr 198.51.100.10 jump inbound_7",
      "ip6 daddr 2001:db8:77::10 jump inbound_7",
    ]);
    expect(chainOf(script, "from_droplets").slice(1)).toEqual([
      "ip saddr 198.51.100.10 jump outbound_7",
      "ip6 saddr 2001:db8:77::10 jump outbound_7",
    ]);
  });

  it("leaves an uncovered droplet open", () => {
    const script = renderFirewall([policy({ covered: false })]);
    expect(script).not.toContain("198.51.100.10");
  });

  it.each([["22; accept"], ["http"], ["-1"], [""]])("refuses %j as a port", (ports) => {
    const rule = { protocol: "tcp" as const, ports, addresses: ["0.0.0.0/0"] };
    expect(() => renderFirewall([policy({ inbound: [rule] })])).toThrow("no port or range");
  });

  it.each([["0.0.0.0/0 accept"], ["example"], ["1.2.3.4/"]])("refuses %j as an address", (address) => {
    const rule = { protocol: "icmp" as const, addresses: [address] };
    expect(() => renderFirewall([policy({ inbound: [rule] })])).toThrow("no address or CIDR");
  });
});
