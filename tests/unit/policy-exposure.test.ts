import fc from "fast-check";
import { firewallRules } from "../../components/firewall-rules";
import { UNKNOWN } from "../../policy";
import { broken, firewall, resource, said } from "../fixtures/policy";

const tailnet = { tag: "tag:hermes", hostname: "hermes" };
const from = (rule: object) => firewall({ protocol: "tcp", sourceAddresses: ["198.51.100.7/32"], ...rule });

describe("closed-ports", () => {
  it.each([
    ["18789"],
    ["2222"],
    ["11434"],
    [18789],
    ["1-65535"],
    ["18000-19000"],
    ["19000-18000"],
    ["11434-18789"],
    ["all"],
    ["ALL"],
    ["0"],
    ["00"],
    [0],
    ["*"],
    [""],
    [" 18789 "],
    ["18789 - 18789"],
    ["018789"],
    ["+18789"],
    ["0x4965"],
    ["１８７８９"],
    ["22,18789"],
    ["18789-"],
    ["1-99999"],
    ["nonsense"],
    [null],
    [undefined],
  ])("refuses %p inbound, over TCP, UDP and whatever else is not ICMP", (portRange) => {
    for (const protocol of ["tcp", "udp", "TCP", "any", undefined])
      expect([protocol, broken([from({ portRange, protocol })])]).toEqual([protocol, ["closed-ports"]]);
  });

  it.each([
    { sourceAddresses: ["2001:db8::7/128"] },
    { sourceAddresses: [], sourceTags: ["hermes"] },
    { sourceAddresses: [], sourceDropletIds: [7] },
    { sourceAddresses: [UNKNOWN] },
    { sourceAddresses: UNKNOWN },
    { sourceAddresses: undefined },
  ])("refuses them from wherever they are open to: %j", (sources) => {
    expect(broken([from({ portRange: "18789", ...sources })])).toEqual(["closed-ports"]);
  });

  it("refuses exactly the ranges that contain one of them", () => {
    const port = fc.integer({ min: 1, max: 65535 });
    fc.assert(
      fc.property(port, port, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const holds = [18789, 2222, 11434].some((one) => low <= one && one <= high);
        expect(broken([from({ portRange: `${low}-${high}` })])).toEqual(holds ? ["closed-ports"] : []);
      }),
    );
  });

  it("refuses a load balancer that leads there, and no other", () => {
    const forwarding = (ports: object) =>
      broken([resource("digitalocean:index/loadBalancer:LoadBalancer", { forwardingRules: [ports] })]);
    expect(forwarding({ entryPort: 443, targetPort: 18789 })).toEqual(["closed-ports"]);
    expect(forwarding({ entryPort: "11434", targetPort: 80 })).toEqual(["closed-ports"]);
    expect(forwarding({ entryPort: 443, targetPort: 8080 })).toEqual([]);
  });

  it("says where, what, to whom, and what to do", () => {
    expect(said([from({ portRange: "18000-19000", sourceTags: ["web"] })])).toEqual([
      "inboundRules[0] opens tcp 18000-19000 to 198.51.100.7/32, tag web, which covers 18789. " +
        "Take it out: the gateway is reached through SSH and a tunnel, Ollama by the gateway alone.",
    ]);
  });

  it("says nothing of a rule that denies, of ICMP, and of a port that is not known yet", () => {
    expect(broken([from({ portRange: "18789", action: "deny" })])).toEqual([]);
    expect(broken([from({ protocol: "icmp" })])).toEqual([]);
    expect(broken([from({ portRange: UNKNOWN })])).toEqual([]);
  });
});

describe("no-open-world", () => {
  const open = (...sourceAddresses: unknown[]) => from({ portRange: "22", sourceAddresses });

  it.each([
    [["0.0.0.0/0"]],
    [["::/0"]],
    [[" 0.0.0.0/0 "]],
    [["0.0.0.0/00"]],
    [["0/0"]],
    [["198.51.100.7/0"]],
    [["0:0:0:0:0:0:0:0/0"]],
    [["0000:0000:0000:0000:0000:0000:0000:0000/0"]],
    [["::ffff:0.0.0.0/96"]],
    [["::ffff:0:0/96"]],
    [["::ffff:198.51.100.7/128"]],
    [["0.0.0.0/1", "128.0.0.0/1"]],
    [["::/1", "8000::/1"]],
    [["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]],
    [["10.0.0.0/8", "11.0.0.0/8"]],
    [["0x0/0"]],
    [["0300.0.0.0/8"]],
    [["everywhere"]],
    [[""]],
    [[null]],
  ])("refuses SSH from %j", (sources) => {
    expect(broken([open(...sources)])).toEqual(["no-open-world"]);
  });

  it("refuses it over several rules of one firewall, and over several firewalls", () => {
    const halves = ["0.0.0.0/1", "128.0.0.0/1"].map((half) => ({
      protocol: "tcp",
      portRange: "22",
      sourceAddresses: [half],
    }));
    expect(broken([firewall(...halves)])).toEqual(["no-open-world"]);
    const narrow = (n: number) => ({ protocol: "tcp", portRange: "22", sourceAddresses: [`${n}.0.0.0/8`] });
    expect(broken([firewall(narrow(11))])).toEqual([]);
    expect(broken([firewall(narrow(11)), firewall(narrow(12))])).toEqual(["no-open-world"]);
  });

  it("refuses what is open to a load balancer or a cluster, and so through it to everyone", () => {
    const only = (sources: object) => from({ portRange: "8080", sourceAddresses: [], ...sources });
    expect(broken([only({ sourceLoadBalancerUids: ["4de7"] })])).toEqual(["no-open-world"]);
    expect(broken([only({ sourceKubernetesIds: ["4de7"] })])).toEqual(["no-open-world"]);
    expect(broken([only({ sourceTags: ["web"], sourceDropletIds: [7] })])).toEqual([]);
  });

  it("lets addresses through that are somebody's own, with or without a prefix or bits beyond it", () => {
    expect(
      broken([open("198.51.100.7/32", "2001:db8::/32", "203.0.113.9", "198.51.100.7/24", " 2001:db8::7 ")]),
    ).toEqual([]);
  });

  it("refuses whatever adds up to more than a /8, and nothing less", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 255 }), (prefix, first) => {
        const size = 2 ** (8 - prefix);
        const network = first - (first % size);
        expect(broken([open(`${network}.0.0.0/${prefix}`)])).toEqual(prefix < 8 ? ["no-open-world"] : []);
      }),
    );
  });

  it("says which rules make the hole together", () => {
    expect(said([open("0.0.0.0/1", "128.0.0.0/1")])).toEqual([
      "inboundRules[0] opens tcp 22 to 0.0.0.0/1, 128.0.0.0/1: together all of IPv4. " +
        "List your own addresses, at most a /8 of IPv4 and a /32 of IPv6 in all, or none and use the tailnet.",
    ]);
  });
});

describe("the cloud firewall of hermes", () => {
  it.each([{ mode: "tailnet" as const }, { mode: "ssh" as const, adminCidrs: ["198.51.100.7/32"] }])(
    "is nothing that the policy minds: %j",
    (access) => {
      expect(broken([firewall(...firewallRules({ access, mcpServers: {}, tailnet }).inboundRules)])).toEqual([]);
    },
  );
});
