import { backupName, backupTime, compareVersions, expired, isRecipient } from "../../gateway/apply/backup-names";
import { curlConfig } from "../../gateway/apply/s3";

describe("names of backups", () => {
  it("are in the order of their times, and say them", () => {
    const name = backupName(new Date("2026-11-23T03:15:07.123Z"));
    expect(name).toBe("hermes-2026-11-23T031507Z.tar.age");
    expect(backupTime(name)).toBe(Date.parse("2026-11-23T03:15:07Z"));
    expect(backupTime("hermes-2026-11-23T031507Z.tar.age; rm -rf /")).toBeUndefined();
  });

  it("keep the newest, and what is somebody else's", () => {
    const names = [1, 2, 3].map((day) => backupName(new Date(Date.UTC(2026, 0, day))));
    expect(expired([...names].reverse(), 2)).toEqual([names[0]]);
    expect(expired(names, 0)).toEqual(names.slice(0, 2));
    expect(expired(["notes.txt", ...names], 3)).toEqual([]);
  });
});

describe("a recipient", () => {
  const recipient = "age1e7kyr42glc42q9zwna7k2hplklncuz0cn4rltxmgs78jpxjh5sfqfczrdr";

  it("is a public key, and never the other half", () => {
    expect(isRecipient(recipient)).toBe(true);
    expect(isRecipient(`${recipient} --output /etc/passwd`)).toBe(false);
    expect(isRecipient(`AGE-SECRET-KEY-1${"Q".repeat(58)}`)).toBe(false);
  });
});

describe("versions of OpenClaw", () => {
  it.each([
    ["2026.9.6", "2026.9.6", 0],
    ["2026.9.10", "2026.9.6", 1],
    ["2026.9.6", "2027.1.1", -1],
    ["2026.9.6-2", "2026.9.6", 1],
  ])("%s against %s: %d", (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
});

describe("what curl is told", () => {
  const bucket = { endpoint: "https://s3.example/", region: "r", bucket: "b", keyId: "id", secret: 'very "secret\\' };

  it("is the address, encoded and sorted as it is signed", () => {
    const told = curlConfig(bucket, { method: "GET", key: "a b/c", query: { prefix: "x/", "list-type": "2" } });
    expect(told).toContain('url = "https://s3.example/b/a%20b/c?list-type=2&prefix=x%2F"\n');
    expect(told).toContain('aws-sigv4 = "aws:amz:r:s3"\n');
  });

  it("ends no line within a value", () => {
    const told = curlConfig({ ...bucket, region: "r\noutput = /etc/passwd" }, { method: "GET", key: "" });
    expect(told).toContain('user = "id:very \\"secret\\\\"\n');
    expect(told).not.toMatch(/^output/m);
  });
});
