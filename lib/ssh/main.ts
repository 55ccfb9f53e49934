import { readFileSync } from "node:fs";
import { adopt, type Adoption } from "./adopt";
import { publicKeyOf } from "./public-key";

const USAGE =
  "usage: node lib/ssh/main.js host-key [--known] < ADOPTION\n  --known: the droplet has shown the key before";

const say = (text: string): void => void process.stderr.write(`host key: ${text}\n`);

/** What Pulumi runs once for each droplet. Secrets come in on standard input. Exit codes: 0 done, 1 failed, 2 usage. */
async function main([verb, flag, ...more]: string[]): Promise<number> {
  if (verb !== "host-key" || (flag !== undefined && flag !== "--known") || more.length > 0) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const { tailnetKey, ...known } = JSON.parse(readFileSync(0, "utf8")) as Adoption;
  const isFirst = flag === undefined && tailnetKey !== undefined;
  await adopt({ ...known, ...(isFirst ? { tailnetKey } : {}) }, { say });
  process.stdout.write(publicKeyOf(known.hostKey));
  return 0;
}

main(process.argv.slice(2))
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
