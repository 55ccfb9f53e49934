// hermes-apply: the one way to change what runs on the droplet. Bundles arrive on standard input.
//
//   stage program                  this program; unpacked by the stub that the user data brought
//   stage config | stage secrets   keep a bundle, change nothing
//   stage deploy-key               a further key for root: the first step of a rotation
//   activate                       make the staged bundles the ones that run
//   local                          have the local model run that is wanted, and let the gateway name it
//   recover [--boot]               put back an activation that was cut off
//   status [--agent-turn] [--mcp]  how the gateway is
//   doctor                         what is wrong with the droplet, and what mends it
//   backup file RECIPIENT | stage RECIPIENT | bucket [--timer] | clean
//                                  the state, encrypted: for the operator to fetch, or into the bucket
//   restore [--verify]             a decrypted backup from standard input in the place of the state
//   pair list CHANNEL | approve CHANNEL CODE | devices
//                                  who may talk to the agents
//   openclaw ARGUMENT…             OpenClaw's own command line, in the gateway's account; standard output is OpenClaw's
//
// Standard output: one JSON line, but OpenClaw's own for `openclaw`. Standard error: for people, secrets taken out.
// Exit status: 0 done or nothing to do; 1 refused, nothing changed; 2 failed and rolled back, the gateway is ready on
// the old state; 3 failed, and the gateway is not ready; 69 the timer's backup failed, and is not retried.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { activate, recovery } from "./activate.ts";
import { backup } from "./backup.ts";
import { parseActivation } from "./bundle.ts";
import { doctor } from "./doctor.ts";
import type { Host } from "./host.ts";
import { realHost } from "./host.ts";
import { authorise } from "./keys.ts";
import { local } from "./local.ts";
import { lockOf, runLocked } from "./lock.ts";
import { openclawCommand } from "./openclaw-command.ts";
import { pair } from "./pair.ts";
import { restore } from "./restore.ts";
import { failureCode, retryOf } from "./retry.ts";
import { status } from "./status.ts";
import { stage } from "./store.ts";

async function main(host: Host, verbs: string[]): Promise<number> {
  if (verbs[0] === "pair") {
    const reply = await pair(host, verbs.slice(1));
    print(reply);
    return reply.ok ? 0 : 3;
  }
  if (verbs[0] === "openclaw") return await openclawCommand(host, verbs.slice(1));
  if (verbs[0] === "backup") {
    print(await backup(host, verbs.slice(1)));
    return 0;
  }
  if (verbs[0] === "status" && verbs.slice(1).every((option) => ["--agent-turn", "--mcp"].includes(option))) {
    const found = await status(host, { agentTurn: verbs.includes("--agent-turn"), mcp: verbs.includes("--mcp") });
    print(found);
    return found.ok ? 0 : 3;
  }
  switch (verbs.join(" ")) {
    case "stage config":
    case "stage secrets": {
      const kind = verbs[1] as "config" | "secrets";
      print({ ok: true, changed: false, [`${kind}Hash`]: stage(host, kind, readFileSync(0, "utf8")) });
      return 0;
    }
    case "activate": {
      const { code, reply } = await activate(host, parseActivation(readFileSync(0, "utf8")));
      print(reply);
      return code;
    }
    case "stage deploy-key":
      print(authorise(host, readFileSync(0, "utf8")));
      return 0;
    case "restore":
    case "restore --verify": {
      const { code, reply } = await restore(host, verbs.includes("--verify"));
      print(reply);
      return code;
    }
    case "local": {
      const { code, reply } = await local(host);
      print(reply);
      return code;
    }
    case "recover":
    case "recover --boot": {
      const { code, reply } = await recovery(host, { boot: verbs.includes("--boot") });
      print(reply);
      return code;
    }
    case "doctor": {
      const found = await doctor(host);
      print(found);
      return found.ok ? 0 : 3;
    }
    default:
      throw new Error(
        "usage: hermes-apply stage config|secrets|deploy-key|activate|local|recover [--boot]|" +
          "status [--agent-turn] [--mcp]|doctor|backup|restore|pair|openclaw",
      );
  }
}

const print = (reply: object): void => void process.stdout.write(`${JSON.stringify(reply)}\n`);

function underLock(lock: string, args: string[]): number {
  const { status, signal } = runLocked(lock, [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...args]);
  if (signal !== null && ["activate", "local", "restore"].includes(args[0] ?? "")) return afterKill(args, signal);
  return status ?? 3;
}

/** Killed alone, by the kernel for memory or by a person: the gateway may be stopped, with half of the new files. */
function afterKill([verb = ""]: string[], signal: NodeJS.Signals): number {
  const error = `hermes-apply ${verb} was ended by ${signal}; what it had begun was put back`;
  process.stderr.write(`${error}\n`);
  const self = [...process.execArgv, process.argv[1] ?? "", "recover"];
  const { stdout, status } = spawnSync(process.execPath, self, { stdio: ["ignore", "pipe", "inherit"] });
  const reply = JSON.parse(String(stdout)) as object;
  print({ ...reply, ok: false, error });
  return status === 0 ? 2 : 3;
}

async function run(verbs: string[]): Promise<number> {
  try {
    const lock = process.env["HERMES_APPLY_LOCKED"] === "1" ? undefined : lockOf(verbs);
    return lock === undefined ? await main(realHost(), verbs) : underLock(lock, verbs);
  } catch (error) {
    process.stderr.write(`hermes-apply: ${(error as Error).message}\n`);
    if (verbs[0] === "openclaw") return 1;
    print({ ok: false, error: (error as Error).message });
    return verbs.join(" ") === "backup bucket --timer" ? failureCode(await retryOf(realHost())) : 1;
  }
}

process.exitCode = await run(process.argv.slice(2));
