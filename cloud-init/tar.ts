import type { DropletFile } from "./files";

const BLOCK = 512;

/**
 * A ustar archive of small text files, owner root, without times: the same input gives the same bytes.
 *
 * @throws when a path is longer than the 99 bytes of a plain header.
 */
export function tarball(files: DropletFile[]): Buffer {
  const parts = files.flatMap((file) => {
    const content = Buffer.from(file.text);
    return [header(file, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header(file: DropletFile, size: number): Buffer {
  const name = file.path.replace(/^\//, "");
  if (Buffer.byteLength(name) > 99) throw new Error(`${file.path} is too long for a tar header`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  block.write(name, 0);
  block.write(file.mode.padStart(7, "0"), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  // The checksum counts its own field as blanks.
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar", 257);
  block.write("00", 263);
  block.write("root", 265);
  block.write("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}
