// What is in a tar archive, read as a stream: nothing is unpacked, so that nothing in it can reach the file system.
import { createHash, type Hash } from "node:crypto";
import { Transform } from "node:stream";
import { Refused } from "./bundle.ts";

export interface Member {
  /** As the archive has it; bytes that are no UTF-8 are kept apart by `key`. */
  name: string;
  /** Tells any two names apart. */
  key: string;
  /** One character of ustar: "0" file, "1" hard link, "2" symbolic link, "5" folder. */
  type: string;
  /** Bytes of the file, holes included. */
  size: number;
  linkName: string;
  /** Only a part of the content is in the archive, with a map of the holes. */
  sparse: boolean;
  /** SHA-256 of a file's content, undefined for one with holes. */
  sha256?: string;
}

const BLOCK = 512;
/** A path of 10,000 folders is 20 kB; whatever claims more is no archive that was made here. */
const META_MAX_BYTES = 4 * 2 ** 20;
/** Bytes of an unpacked archive: a few kilobytes of gzip can claim any number. */
const TOTAL_MAX_BYTES = 2 ** 36;

/** Passes an archive on, and calls back with each member at its end. */
export function tarMembers(onMember: (member: Member) => void): Transform {
  const reader = new TarReader(onMember);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        reader.read(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      done(reader.ended ? null : new Refused("the archive is cut off"));
    },
  });
}

class TarReader {
  ended = false;
  private header: Buffer = Buffer.alloc(0);
  private total = 0;
  /** Bytes of the current entry that are still to come, and what pads them. */
  private left = 0;
  private padding = 0;
  private meta: { type: string; parts: Buffer[] } | undefined;
  private next: Record<string, Buffer> = {};
  private current: { member: Member; hash: Hash } | undefined;
  private readonly onMember: (member: Member) => void;

  constructor(onMember: (member: Member) => void) {
    this.onMember = onMember;
  }

  read(chunk: Buffer): void {
    this.total += chunk.length;
    if (this.total > TOTAL_MAX_BYTES) throw new Refused(`the archive holds more than ${TOTAL_MAX_BYTES} bytes`);
    let rest = chunk;
    while (rest.length > 0 && !this.ended) {
      if (this.left > 0) rest = this.content(rest);
      else if (this.padding > 0) {
        const skipped = Math.min(this.padding, rest.length);
        this.padding -= skipped;
        rest = rest.subarray(skipped);
      } else {
        const missing = BLOCK - this.header.length;
        this.header = Buffer.concat([this.header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.header.length === BLOCK) this.begin();
      }
    }
  }

  private content(rest: Buffer): Buffer {
    const part = rest.subarray(0, this.left);
    this.left -= part.length;
    if (this.meta !== undefined) this.meta.parts.push(Buffer.from(part));
    else this.current?.hash.update(part);
    if (this.left === 0) this.end();
    return rest.subarray(part.length);
  }

  private begin(): void {
    const { header } = this;
    this.header = Buffer.alloc(0);
    if (header.every((byte) => byte === 0)) return void (this.ended = true);
    const type = header.toString("latin1", 156, 157).replace("\0", "0");
    this.left = type === "1" ? 0 : number(this.next["size"] ?? header.subarray(124, 136));
    this.padding = (BLOCK - (this.left % BLOCK)) % BLOCK;
    if ("xgLK".includes(type)) {
      if (this.left > META_MAX_BYTES) throw new Refused("the archive has a header that is too long");
      this.meta = { type, parts: [] };
    } else this.current = { member: this.memberOf(header, type), hash: createHash("sha256") };
    if (this.left === 0) this.end();
  }

  private memberOf(header: Buffer, type: string): Member {
    const text = (from: number, to: number) => upToNull(header.subarray(from, to));
    const prefix =
      header.toString("latin1", 257, 262) === "ustar" && header[262] === 0 ? text(345, 500) : Buffer.alloc(0);
    const short = prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), text(0, 100)]) : text(0, 100);
    const path = this.next["GNU.sparse.name"] ?? this.next["path"] ?? short;
    const realSize = this.next["GNU.sparse.realsize"] ?? this.next["GNU.sparse.size"];
    return {
      name: path.toString("utf8"),
      key: path.toString("latin1"),
      type,
      size: realSize === undefined ? this.left : Number(realSize),
      linkName: (this.next["linkpath"] ?? text(157, 257)).toString("latin1"),
      sparse: realSize !== undefined,
    };
  }

  private end(): void {
    const { meta, current } = this;
    [this.meta, this.current] = [undefined, undefined];
    if (meta !== undefined) return this.remember(meta.type, Buffer.concat(meta.parts));
    this.next = {};
    if (current === undefined) return;
    const { member, hash } = current;
    if (member.type === "0" && !member.sparse) member.sha256 = hash.digest("hex");
    this.onMember(member);
  }

  /** What a header before the header says of the entry that follows. */
  private remember(type: string, content: Buffer): void {
    if (type === "L") this.next["path"] = upToNull(content);
    if (type === "K") this.next["linkpath"] = upToNull(content);
    if (type === "x") Object.assign(this.next, paxRecords(content));
  }
}

const upToNull = (text: Buffer): Buffer => (text.includes(0) ? text.subarray(0, text.indexOf(0)) : text);

/** Octal, or binary where the first bit is set; decimal in a pax header. */
function number(field: Buffer): number {
  if (field.length !== 12) return checked(Number(field));
  if (((field[0] ?? 0) & 0x80) === 0) return checked(parseInt(field.toString("latin1").trim() || "0", 8));
  return checked([...field.subarray(1)].reduce((sum, byte) => sum * 256 + byte, (field[0] ?? 0) & 0x7f));
}

function checked(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) throw new Refused("the archive has a size that is no number");
  return size;
}

/** `LENGTH KEY=VALUE\n` each. */
function paxRecords(content: Buffer): Record<string, Buffer> {
  const records: Record<string, Buffer> = {};
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(" ", at);
    const length = Number(content.toString("latin1", at, space));
    if (space < 0 || !(length > 0)) throw new Refused("the archive has a header that cannot be read");
    const record = content.subarray(space + 1, at + length - 1);
    const equals = record.indexOf("=");
    records[record.toString("latin1", 0, equals)] = record.subarray(equals + 1);
    at += length;
  }
  return records;
}

/** SHA-256 of each file below a folder of an archive, by its path in there. */
export class FileHashes {
  readonly hashes: Record<string, string> = {};
  private readonly folder: (name: string) => string | undefined;

  /** @param folder - a member's name → its path in the folder, undefined for one that is not in it */
  constructor(folder: (name: string) => string | undefined) {
    this.folder = folder;
  }

  readonly add = ({ name, type, sha256, linkName }: Member): void => {
    const path = this.folder(name);
    if (path === undefined) return;
    const hash = type === "1" ? this.hashes[this.folder(linkName) ?? ""] : sha256;
    if (hash !== undefined) this.hashes[path] = hash;
  };
}

/**
 * One digest of all members, whatever their order and however many there are. Content with holes counts by its length;
 * dates and modes do not count.
 */
export class TreeDigest {
  files = 0;
  private readonly sum = Buffer.alloc(32);

  readonly add = ({ key, type, size, sha256 = "", linkName }: Member): void => {
    if (type === "0") this.files++;
    const link = type === "1" || type === "2" ? linkName : "";
    const bytes = type === "0" ? size : 0;
    const hash = createHash("sha256")
      .update(JSON.stringify([key, type, bytes, sha256, link]))
      .digest();
    for (const [at, byte] of hash.entries()) this.sum[at] = (this.sum[at] ?? 0) ^ byte;
  };

  digest(): string {
    return this.sum.toString("hex");
  }
}
