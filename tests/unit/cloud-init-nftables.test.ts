import { spawnSync } from "node:child_process";
import { privateTargets, renderNftables } from "../../cloud-init";
import type { PrivateTarget } from "../../cloud-init/private-targets";

const tailnet = renderNftables({ access: { mode: "tailnet" }, mcpPrivateTargets: [] });
const ssh = renderNftables({
  access: { mode: "ssh", adminCidrs: ["198.51.100.7/32", "2001:db8:5::/48"] },
  mcpPrivateTargets: [
    { address: "10.114.0.3", port: 5432 },
    { address: "fd7a:115c:a1e0::12", port: 443 },
  ],
});

/** nft needs a network namespace of its own to look at rules, and the right to make one. */
const canCheck = spawnSync("unshare", ["--net", "nft", "list", "ruleset"]).status === 0;

describe("nftables rules", () => {
  it("read like this in tailnet mode", () => {
    expect(tailnet).toMatchSnapshot();
  });

  it("open SSH to the operator's ranges and MCP targets to the gateway's user, and nothing else, in ssh mode", () => {
    const added = ssh.split("\n").filter((line) => !tailnet.includes(line));
    expect(added.map((line) => line.trim())).toEqual([
      "ip saddr 198.51.100.7/32 tcp dport 22 accept",
      "ip6 saddr 2001:db8:5::/48 tcp dport 22 accept",
      "meta skuid 2101 ip daddr 10.114.0.3 tcp dport 5432 accept",
      "meta skuid 2101 ip6 daddr fd7a:115c:a1e0::12 tcp dport 443 accept",
    ]);
  });

  it("never open the gateway's or Ollama's port", () => {
    const named = `${tailnet}\n${ssh}`.split("\n").filter((line) => /18789|11434/.test(line));
    expect(named.filter((line) => !line.includes(" reject "))).toEqual([]);
  });

  it("touch no table but their own", () => {
    for (const rules of [tailnet, ssh]) {
      expect(rules.match(/^\s*(?:delete )?table .*$/gm)).toEqual([
        "table inet hermes",
        "delete table inet hermes",
        "table inet hermes {",
      ]);
      expect(rules.replace(/#.*/g, "")).not.toMatch(/flush/);
    }
  });

  it.each(["0.0.0.0/0; accept", "198.51.100.7 tcp dport 18789", "example.net", "", "1.2.3.4/32\naccept"])(
    "refuse %j where an address belongs",
    (cidr) => {
      expect(() => renderNftables({ access: { mode: "ssh", adminCidrs: [cidr] }, mcpPrivateTargets: [] })).toThrow(
        /not an address/,
      );
    },
  );

  it.each([0, 65536, 1.5, Number.NaN])("refuse %p as a port", (port) => {
    const mcpPrivateTargets = [{ address: "10.0.0.1", port }];
    expect(() => renderNftables({ access: { mode: "tailnet" }, mcpPrivateTargets })).toThrow(/not a TCP port/);
  });

  (canCheck ? it : it.skip)("are taken by nft, twice in a row", () => {
    for (const rules of [tailnet, ssh]) {
      const twice = 'rules=$(cat); for _ in 1 2; do printf "%s\\n" "$rules" | nft -f - || exit 1; done';
      expect(spawnSync("unshare", ["--net", "sh", "-c", twice], { input: rules }).stderr.toString()).toBe("");
    }
  });
});

describe("the places of MCP servers that the gateway may reach", () => {
  const at = (url: string) => privateTargets({ server: { url, headers: {} } });

  it.each<[string, PrivateTarget[]]>([
    ["https://10.0.0.5/mcp", [{ address: "10.0.0.5", port: 443 }]],
    ["http://192.168.1.9:8080/mcp", [{ address: "192.168.1.9", port: 8080 }]],
    ["http://100.101.102.103/mcp", [{ address: "100.101.102.103", port: 80 }]],
    ["http://[fd7a:115c:a1e0::5]:9000/", [{ address: "fd7a:115c:a1e0::5", port: 9000 }]],
    [
      "http://nas:8080/mcp",
      [
        { address: "100.64.0.0/10", port: 8080 },
        { address: "fd7a:115c:a1e0::/48", port: 8080 },
      ],
    ],
  ])("include %s", (url, targets) => expect(at(url)).toEqual(targets));

  it.each(["https://mcp.example.com/", "https://203.0.113.7/", "http://127.0.0.1:9000/"])(
    "do not include %s, which nothing keeps it from",
    (url) => expect(at(url)).toEqual([]),
  );

  it("are open to the gateway's account before private ranges are closed, each once", () => {
    const servers = { a: { url: "http://10.0.0.5/a", headers: {} }, b: { url: "http://10.0.0.5/b", headers: {} } };
    const rules = renderNftables({ access: { mode: "tailnet" }, mcpPrivateTargets: privateTargets(servers) });
    const [, open = "", ...others] = rules.split(/(meta skuid 2101 ip daddr 10\.0\.0\.5 tcp dport 80 accept)/);
    expect(open).not.toBe("");
    expect(others.join("")).toContain("ip daddr @private4 reject");
    expect(others.join("")).not.toContain("10.0.0.5");
  });
});
