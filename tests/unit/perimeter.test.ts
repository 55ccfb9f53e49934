import fc from "fast-check";
import { firewallRules } from "../../components/firewall-rules";
import { assertPrivate, exposures } from "../../policy/exposure";

const tailnet = { tag: "tag:hermes", hostname: "hermes" };

describe("the cloud firewall", () => {
  it("has no inbound rule on a tailnet", () => {
    expect(firewallRules({ access: { mode: "tailnet" }, mcpServers: {}, tailnet }).inboundRules).toEqual([]);
  });

  it("opens 22 to the listed addresses in ssh mode, and nothing else", () => {
    const access = { mode: "ssh" as const, adminCidrs: ["198.51.100.7/32"] };
    expect(firewallRules({ access, mcpServers: {}, tailnet })).toMatchSnapshot();
  });

  it("lets the droplet out to the ports that MCP servers and the control server are on", () => {
    const mcpServers = { one: { url: "https://mcp.example.com:8443/x", headers: {} } };
    const control = { ...tailnet, loginServer: "https://head.example.com:9443" };
    const { outboundRules } = firewallRules({ access: { mode: "tailnet" }, mcpServers, tailnet: control });
    expect(outboundRules.map((rule) => rule.portRange)).toEqual(expect.arrayContaining(["8443", "9443"]));
  });
});

describe("the last gate", () => {
  const from = (portRange: string | undefined, protocol = "tcp", source = "198.51.100.7/32") => ({
    protocol,
    sourceAddresses: [source],
    ...(portRange === undefined ? {} : { portRange }),
  });

  it.each([["18789"], ["11434"], ["1-65535"], ["18000-19000"], ["all"], ["0"], [" 18789 "], ["nonsense"], [undefined]])(
    "refuses %s inbound",
    (range) => {
      expect(exposures([from(range)])).not.toEqual([]);
      expect(exposures([from(range, "udp")])).not.toEqual([]);
    },
  );

  it.each(["0.0.0.0/0", "::/0", "0.0.0.0/00"])("refuses the whole internet as %s", (source) => {
    expect(() => assertPrivate({ inboundRules: [from("22", "tcp", source)], outboundRules: [] })).toThrow(source);
  });

  it("lets SSH from one address through", () => {
    expect(exposures([from("22"), from(undefined, "icmp")])).toEqual([]);
  });

  it("refuses exactly the ranges that contain a private port", () => {
    const port = fc.integer({ min: 1, max: 65535 });
    fc.assert(
      fc.property(port, port, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const holds = [18789, 11434].some((one) => low <= one && one <= high);
        expect(exposures([from(`${low}-${high}`)]).length > 0).toBe(holds);
      }),
    );
  });
});
