import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FileHashes, TreeDigest, tarMembers, type Member } from "../../gateway/apply/tar-members.ts";

const folder = fs.mkdtempSync(join(tmpdir(), "hermes-tar-"));
const LONG = `${"folder/".repeat(40)}${"n".repeat(200)}`;
const ODD = "line\nbreak \u202E";
beforeAll(() => {
  fs.mkdirSync(join(folder, LONG, ".."), { recursive: true });
  fs.writeFileSync(join(folder, LONG), "long");
  fs.writeFileSync(join(folder, ODD), "odd");
  fs.writeFileSync(join(folder, "large"), Buffer.alloc(100_000, "x"));
  fs.writeFileSync(join(folder, "empty"), "");
  fs.linkSync(join(folder, "large"), join(folder, "second name"));
  fs.symlinkSync(`/${"t".repeat(300)}`, join(folder, "link"));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const archive = (...options: string[]): Buffer =>
  execFileSync("tar", ["--create", "--sort=name", ...options, "--directory", folder, "."], { maxBuffer: 2 ** 30 });

async function membersOf(bytes: Buffer, chunk = 700): Promise<Member[]> {
  const found: Member[] = [];
  const members = tarMembers((member) => void found.push(member));
  members.resume();
  const parts = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) =>
    bytes.subarray(i * chunk, (i + 1) * chunk),
  );
  await pipeline(Readable.from(parts), members);
  return found;
}

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

describe.each(["gnu", "posix"])("an archive of tar in the format %s", (format) => {
  it("has the hash of every file, whatever it is called", async () => {
    const files = new FileHashes((name) => /^\.\/(.+)$/s.exec(name)?.[1]);
    for (const member of await membersOf(archive(`--format=${format}`))) files.add(member);
    expect(files.hashes).toEqual({
      [LONG]: sha256("long"),
      [ODD]: sha256("odd"),
      large: sha256(Buffer.alloc(100_000, "x")),
      "second name": sha256(Buffer.alloc(100_000, "x")),
      empty: sha256(""),
    });
  });

  it("is read the same in pieces of any size", async () => {
    const bytes = archive(`--format=${format}`);
    const whole = await membersOf(bytes, bytes.length);
    expect(whole.find(({ name }) => name === "./link")?.linkName).toHaveLength(301);
    for (const size of [1, 511, 512, 513]) expect(await membersOf(bytes, size)).toEqual(whole);
  });
});

describe("an archive", () => {
  it("that is cut off, or claims what no archive has, is refused", async () => {
    const bytes = archive();
    await expect(membersOf(bytes.subarray(0, 5000))).rejects.toThrow("the archive is cut off");
    const huge = Buffer.from(bytes);
    huge.write("L", 156);
    huge.write("77777777777", 124);
    await expect(membersOf(huge)).rejects.toThrow("header that is too long");
  });

  it("has a file with holes by its length, and costs no more than its data", async () => {
    const sparse = join(folder, "sparse");
    fs.writeFileSync(sparse, "");
    fs.truncateSync(sparse, 2 ** 40);
    const bytes = archive("--format=posix", "--sparse");
    fs.rmSync(sparse);
    expect(bytes.length).toBeLessThan(2 ** 20);
    const found = (await membersOf(bytes)).find(({ name }) => name === "./sparse");
    expect(found).toMatchObject({ size: 2 ** 40, sparse: true, type: "0" });
    expect(found?.sha256).toBeUndefined();
  });

  it("has one digest whatever the order, and another one for any other content", async () => {
    const members = await membersOf(archive());
    const digestOf = (all: Member[]) => {
      const digest = new TreeDigest();
      for (const member of all) digest.add(member);
      return digest.digest();
    };
    expect(digestOf([...members].reverse())).toBe(digestOf(members));
    const edited = members.map((member) => (member.name === "./empty" ? { ...member, sha256: sha256("x") } : member));
    expect(digestOf(edited)).not.toBe(digestOf(members));
  });
});
