import { parseArgs } from "node:util";
import { credentialsFrom, TailnetApi } from "./api";
import { evict, waitForNode } from "./commands";
import { joinedNodeIn } from "./nodes";

const USAGE =
  "usage: node lib/tailnet/main.js evict|wait --hostname NAME --tag TAG [--known] [--dial HOST] [--key ID] [--timeout SECONDS]\n" +
  "  credentials come from the environment, as for the Tailscale provider; with --known, what `wait` printed comes from\n" +
  "  PULUMI_COMMAND_STDOUT, and that node is evicted although it is connected";

const JOINING_SECONDS = 900;
/** A droplet that was shut down leaves at once; of one that was deleted while it ran, the control server has to notice. */
const LEAVING_SECONDS = 60;

const say = (text: string): void => void process.stderr.write(`tailnet: ${text}\n`);

/** The two commands that Pulumi's TailnetSlot and TailnetNode run. Exit codes: 0 done, 1 failed, 2 usage. */
async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      hostname: { type: "string" },
      tag: { type: "string" },
      dial: { type: "string" },
      key: { type: "string" },
      known: { type: "boolean", default: false },
      timeout: { type: "string" },
    },
  });
  const { hostname, tag, dial, key } = values;
  if (hostname === undefined || tag === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const api = new TailnetApi(credentialsFrom(process.env));
  switch (positionals[0]) {
    case "evict": {
      const ownId = values.known ? joinedNodeIn(process.env["PULUMI_COMMAND_STDOUT"])?.id : undefined;
      const timeoutMs = Number(values.timeout ?? LEAVING_SECONDS) * 1000;
      await evict(api, { hostname, tag, ownId, timeoutMs, pollMs: 2000, say });
      return 0;
    }
    case "wait": {
      const timeoutMs = Number(values.timeout ?? JOINING_SECONDS) * 1000;
      const known = { ...(dial ? { dial } : {}), ...(key ? { keyId: key } : {}) };
      const node = await waitForNode(api, { hostname, tag, ...known, timeoutMs, pollMs: 1000, say });
      process.stdout.write(JSON.stringify(node));
      return 0;
    }
    default:
      process.stderr.write(`${USAGE}\n`);
      return 2;
  }
}

main()
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
