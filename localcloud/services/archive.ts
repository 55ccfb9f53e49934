import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** Time stamp of every file in an archive. */
const EPOCH = "2026-01-01T00:00:00Z";

/** What makes tar write the same bytes from the same files: sorted names, one time, root's, plain modes. */
export const REPRODUCIBLE = [
  ...["--sort=name", `--mtime=${EPOCH}`, "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rwX,go+rX,go-w"],
  "--format=gnu",
];

/** Moves a finished archive to its place in the cache. Its digest comes last, as `sum`: it says that the archive is whole. */
export async function keepArchive(packed: string, path: string, sum: string): Promise<void> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(packed), digest);
  await rename(packed, path);
  await writeFile(`${sum}.new`, `${digest.digest("hex")}\n`);
  await rename(`${sum}.new`, sum);
}
