/**
 * Every address of the embedded cloud. Documentation ranges (RFC 5737, RFC 3849) stand for public ones, so that rules
 * about private ranges behave as on the internet. The exception is what OpenClaw talks to: it refuses every
 * special-use range, documentation included, so that the lab's internet has an ordinary unicast address. No packet to
 * it ever leaves the lab's namespaces, which have no route out.
 */
export const ADDRESSES = {
  /** Bridge of the droplets, in the lab's namespace. */
  droplets: {
    v4Gateway: "198.51.100.1",
    v4Prefix: 24,
    v6Gateway: "2001:db8:77::1",
    v6Prefix: 64,
    first: 10,
    last: 250,
  },
  /** From where the world scans. */
  outside: { lab4: "192.0.2.1", peer4: "192.0.2.2", prefix4: 28, lab6: "2001:db8:99::1", peer6: "2001:db8:99::2" },
  /** Where the operator's pulumi runs, on the tailnet. */
  operator: { lab4: "192.0.2.17", peer4: "192.0.2.18", prefix4: 28, lab6: "2001:db8:98::1", peer6: "2001:db8:98::2" },
  /** "The internet": DNS on 53, web on 80 and 443, told apart by name. Names have no AAAA: v6 is a documentation range. */
  internet: { v4: "11.203.0.113", v6: "2001:db8:53::1" },
  digitalocean: { v4: "203.0.113.2", port: 80 },
  tailscaleApi: { v4: "203.0.113.3", port: 80 },
  headscale: { v4: "203.0.113.4", port: 443, name: "headscale.hermes.test" },
  /** A listener in a private range, there to prove that the agent's shell cannot reach one. */
  privateProbe: { v4: "10.10.0.1", port: 80 },
  metadata: { v4: "169.254.169.254", port: 80 },
} as const;
