// A stand-in of OpenClaw: what hermes asks of its command line and its gateway, and nothing more. tests/engine has the suite
// that holds it against the real one. It is bundled into one file and runs on a droplet's Node, as the package "openclaw".
import { createBackup, restoreBackup } from "./backup";
import { callGateway, Unreachable } from "./client";
import { InvalidConfig, readConfig } from "./config";
import { runGateway } from "./gateway";
import { probeMcpServers } from "./mcp";
import { approvePairing, listPairing } from "./pairing";
import { CliError, log, printJson, reportFailure } from "./output";
import { VERSION } from "./version";

interface Arguments {
  /** What has no dashes. */
  words: string[];
  options: Record<string, string>;
  json: boolean;
}

/** Options without a value. */
const FLAGS = ["json", "verify", "version"];

function parse(args: string[]): Arguments {
  const parsed: Arguments = { words: [], options: {}, json: args.includes("--json") };
  for (let i = 0; i < args.length; i++) {
    const [, name] = /^--(.+)$/.exec(args[i] ?? "") ?? [];
    if (name === undefined) parsed.words.push(args[i] ?? "");
    else parsed.options[name] = FLAGS.includes(name) ? "" : (args[++i] ?? "");
  }
  return parsed;
}

const COMMANDS: Record<string, (args: Arguments) => Promise<void> | void> = {
  "config validate": ({ json }) => validate(json),
  "secrets reload": async () => {
    await callGateway("secrets-reload", {});
    log("info", "Secrets reloaded.");
  },
  "pairing list": ({ words }) => listPairing(words[2] ?? ""),
  "pairing approve": ({ words }) => approvePairing(words[2] ?? "", words[3] ?? ""),
  "devices list": async () => printJson(await callGateway("devices", {})),
  "backup create": ({ options }) => createBackup(options["output"] ?? ""),
  "backup restore": ({ words, options }) => restoreBackup(words[2] ?? "", options["target"] ?? ""),
  "mcp probe": async ({ words }) => printJson(await probeMcpServers(words[2])),
  agent: ({ options }) => agent(options),
  gateway: ({ options }) => runGateway(Number(options["port"])),
};

function validate(json: boolean): void {
  const path = process.env["OPENCLAW_CONFIG_PATH"] ?? "";
  try {
    readConfig();
    printJson({ valid: true, path, warnings: [] });
  } catch (error) {
    if (!(error instanceof InvalidConfig) || !json) throw error;
    const cause = { type: "cli_error", message: `OpenClaw config is invalid: ${path}` };
    printJson({ ok: false, error: cause, valid: false, path, issues: error.issues });
    process.exitCode = 1;
  }
}

async function agent(options: Record<string, string>): Promise<void> {
  const seconds = Number(options["timeout"] ?? 600);
  const { agent = "", "session-key": session = "main", message = "" } = options;
  const reply = await callGateway("agent", { agent, session, message, seconds });
  printJson(reply);
  if (reply["status"] !== "ok") process.exitCode = 1;
}

async function main(): Promise<void> {
  // Everything in the state is the gateway's account's alone.
  process.umask(0o077);
  const args = parse(process.argv.slice(2));
  if ("version" in args.options) return void process.stdout.write(`OpenClaw ${VERSION} (stand-in)\n`);
  const name = [args.words.slice(0, 2).join(" "), args.words[0] ?? ""].find((words) => words in COMMANDS);
  if (name === undefined)
    throw new CliError(`The stand-in of OpenClaw has no command "${process.argv.slice(2).join(" ")}".`);
  await COMMANDS[name]?.(args);
}

main().catch((error: unknown) => {
  const json = process.argv.includes("--json");
  process.exitCode = 1;
  if (error instanceof Unreachable && process.argv.includes("devices")) return printJson(error.document);
  reportFailure(error as Error, json);
});
