import { firewallRules } from "../../components/firewall-rules";

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
