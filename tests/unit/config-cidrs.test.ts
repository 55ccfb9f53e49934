import fc from "fast-check";
import { addresses, parseCidr, tooWideAt, WIDEST, type Cidr, type Range } from "../../config/cidrs";

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if ("wrong" in parsed) throw new Error(`${text}: ${parsed.wrong}`);
  return parsed;
};
const wrong = (text: string) => {
  const parsed = parseCidr(text);
  return "wrong" in parsed ? parsed : undefined;
};
const firstTooWide = (...texts: string[]) => tooWideAt(texts.map(cidr))[0]?.index;

describe("a range of addresses", () => {
  it.each([
    ["198.51.100.7/32", "198.51.100.7/32"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::/0", "::/0"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["2001:0db8:0:0:0:0:0:1/128", "2001:db8::1/128"],
  ])("is read: %s", (text, canonical) => expect(cidr(text).text).toBe(canonical));

  it.each([
    "010.0.0.0/8",
    "10.0.0.01/32",
    "0x0a.0.0.0/8",
    "10/8",
    "10.0/16",
    "167772160/8",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "256.0.0.0/8",
    "/8",
    "",
    "any",
    "::ffff:0:0/96",
    "::ffff:1.2.3.4/128",
    "::ffff:102:304/128",
    "::/64",
    "::1.2.3.4/128",
    "fe80::1%eth0/128",
    "2001:db8::/129",
    "１0.0.0.0/8",
  ])("is refused in a spelling that programs read differently, or not at all: %s", (text) => {
    expect(wrong(text)).toBeDefined();
  });

  it("comes with the spelling that was meant", () => {
    expect(wrong("198.51.100.7")).toEqual({ wrong: "the prefix length is missing", suggestion: "198.51.100.7/32" });
    expect(wrong("10.1.2.3/8")?.suggestion).toBe("10.0.0.0/8");
    expect(wrong("2001:db8::1/48")?.suggestion).toBe("2001:db8::/48");
  });
});

describe("ranges together", () => {
  it("may be a /8 of IPv4 and a /32 of IPv6, and not one address more", () => {
    expect(firstTooWide("10.0.0.0/8", "2001:db8::/32")).toBeUndefined();
    expect(firstTooWide("10.0.0.0/8", "192.0.2.1/32")).toBe(1);
    expect(firstTooWide("2001:db8::/32", "2001:db9::/128")).toBe(1);
    expect(firstTooWide("0.0.0.0/0")).toBe(0);
    expect(firstTooWide("::/0")).toBe(0);
    expect(firstTooWide("10.0.0.0/7")).toBe(0);
    expect(firstTooWide("2001:db8::/31")).toBe(0);
  });

  it("count what overlaps once", () => {
    expect(firstTooWide("10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8")).toBeUndefined();
    expect(addresses("ipv4", ["10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24"].map(cidr))).toBe(512n);
  });

  it("are blamed one by one where each is too wide alone, else at the first that is too much", () => {
    const blamed = (...texts: string[]) => tooWideAt(texts.map(cidr)).map(({ index }) => index);
    expect(blamed("0.0.0.0/0", "192.0.2.1/32", "::/0")).toEqual([0, 2]);
    expect(blamed("10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8")).toEqual([1]);
  });

  it("are found too wide however the internet is cut into pieces", () => {
    const halves = Array.from({ length: 256 }, (_, i) => `${i}.0.0.0/8`);
    expect(firstTooWide(...halves)).toBe(1);
    expect(tooWideAt(["0.0.0.0/1", "128.0.0.0/1"].map(cidr)).map(({ share }) => share)).toEqual([
      "half of all IPv4 addresses or more",
      "the whole IPv4 internet",
    ]);
  });

  const octets = fc.integer({ min: 0, max: 255 });
  const anyRange: fc.Arbitrary<Range> = fc
    .tuple(octets, octets, fc.integer({ min: 0, max: 16 }))
    .map(([a, b, prefix]) => {
      const size = 1n << BigInt(16 - prefix);
      const value = BigInt(a * 256 + b);
      const first = value - (value % size);
      return { family: "ipv4", first, last: first + size - 1n };
    });

  it("add up to the number of different addresses, in any order", () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 8 }), (ranges) => {
        const seen = new Set<bigint>();
        for (const { first, last } of ranges) for (let i = first; i <= last; i++) seen.add(i);
        expect(addresses("ipv4", ranges)).toBe(BigInt(seen.size));
        expect(addresses("ipv4", [...ranges].reverse())).toBe(BigInt(seen.size));
        expect(addresses("ipv6", ranges)).toBe(0n);
      }),
      { numRuns: 60 },
    );
  });

  it("are refused if and only if their union is wider than a /8", () => {
    const wide = fc.tuple(octets, octets, fc.integer({ min: 1, max: 16 })).map(([a, b, prefix]): Range => {
      const bits = (BigInt(a) << 24n) | (BigInt(b) << 16n);
      const size = 1n << BigInt(32 - prefix);
      const first = bits - (bits % size);
      return { family: "ipv4", first, last: first + size - 1n };
    });
    fc.assert(
      fc.property(fc.array(wide, { minLength: 1, maxLength: 12 }), (ranges) => {
        expect(tooWideAt(ranges).length > 0).toBe(addresses("ipv4", ranges) > WIDEST.ipv4);
      }),
    );
  });

  it("read back as the same range, whatever the address", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, prefix) => {
        const parsed = parseCidr(`${address}/${prefix}`);
        const text = "wrong" in parsed ? parsed.suggestion : parsed.text;
        expect(cidr(text ?? "").text).toBe(text);
      }),
    );
  });
});
