// Unpacks a program bundle from standard input: from then on hermes-apply is what was in it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

const root = "/opt/hermes/apply";

function unpack(files) {
  const digest = createHash("sha256").update(JSON.stringify(files)).digest("hex");
  const folder = `${root}/${digest}`;
  if (!existsSync(folder)) {
    const partial = `${root}/.${process.pid}`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    for (const [name, lines] of Object.entries(files)) {
      if (!/^[\w-][\w.-]*$/.test(name)) throw new Error(`odd file name in the bundle: ${JSON.stringify(name)}`);
      // On disk before the folder gets its name: after a power cut nobody would make it again.
      writeFileSync(`${partial}/${name}`, lines.join("\n") + "\n", { flush: true });
    }
    renameSync(partial, folder);
  }
  const link = `${root}/.current.${process.pid}`;
  rmSync(link, { force: true });
  symlinkSync(digest, link);
  renameSync(link, `${root}/current`);
}

try {
  unpack(JSON.parse(readFileSync(0)).apply);
  console.log(JSON.stringify({ ok: true }));
} catch (error) {
  // A parser's message may quote what it read.
  const text = error instanceof SyntaxError ? "stdin is not a JSON bundle" : error.message;
  console.error(`hermes-apply: ${text}`);
  console.log(JSON.stringify({ ok: false, error: text }));
  process.exitCode = 1;
}
