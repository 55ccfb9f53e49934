import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { CommandError, EXIT } from "./output";

/**
 * Decrypts a file into a stream. The identity reaches age on its standard input.
 *
 * age gives out each part as soon as it is proven: a file that was cut off or changed has been written in part when this
 * fails. Decrypt to nowhere first ({@link proveEncrypted}).
 *
 * @throws CommandError when the file is for another key, or was changed; where there is no age
 */
export async function decrypt(file: string, identity: string, into: Writable): Promise<void> {
  if (!existsSync(file)) throw new CommandError(`there is no file ${file}`, EXIT.input);
  const age = spawn("age", ["--decrypt", "--identity", "-", "--", file], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  age.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  age.stdin.on("error", () => undefined).end(`${identity}\n`);
  const [code] = await Promise.all([ended(age), pipeline(age.stdout, into, { end: false })]);
  if (code !== 0) throw new CommandError(`${file}: ${reason(said)}`, EXIT.input);
  into.end();
  await finished(into, { readable: false });
}

/** To its end, before a byte of it goes anywhere. @throws CommandError as {@link decrypt} */
export const proveEncrypted = (file: string, identity: string): Promise<void> =>
  decrypt(file, identity, new Writable({ write: (_chunk, _encoding, done) => done() }));

const ended = (age: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    age.once("close", resolve);
    age.once("error", () =>
      reject(new CommandError("age is missing on this machine: install it (age-encryption.org)", EXIT.input)),
    );
  });

/** age's own words (1.1 to 1.3) in ours. */
function reason(said: string): string {
  if (/no identity matched/.test(said)) return "it is encrypted for another key than hermes:secrets.backupKey";
  if (/authenticate|unexpected EOF|EOF|header|chunk/i.test(said)) return "it was changed or cut off, or is no backup";
  return said.split("\n")[0]?.replace(/^age: error: /, "") ?? "age cannot read it";
}
