import { createInterface } from "node:readline/promises";
import { Writable, type Readable } from "node:stream";

/** Asks on a terminal, without an echo. @returns the answer without blanks around it; empty where nothing was typed */
export async function askHidden(
  question: string,
  { stdin, stderr }: { stdin: Readable; stderr: { write(text: string): unknown } },
): Promise<string> {
  stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: stdin, output: silent, terminal: true });
  try {
    return (await terminal.question("")).trim();
  } finally {
    terminal.close();
    stderr.write("\n");
  }
}
