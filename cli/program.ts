import { Command } from "commander";
import { fallbackWarning, gatewayStatus, mcpLine, mcpWarning } from "../remote/gateway-status";
import { openTunnel } from "../remote/ssh";
import { addBackupCommands } from "./backup";
import { addDoctorCommand } from "./doctor";
import { addImageCommands } from "./image";
import { refuseMissingValues, wholeNumber } from "./flags";
import { init } from "./init";
import type { InitOptions } from "./init-input";
import { addLocalCommands } from "./local";
import { addLogsCommand } from "./logs";
import { CommandError, EXIT, table } from "./output";
import { addPairCommands } from "./pair";
import { addPlanCommand } from "./plan";
import { addReportCommand } from "./report";
import { addRotateCommand } from "./rotate";
import { addSshCommand } from "./ssh";
import { addSandboxCommands } from "./sandbox";
import { plain } from "./scrub";
import { sshTarget, type StackOptions } from "./stack";
import { addUpgradeCommand } from "./upgrade";
import { addSweepCommand } from "./sweep";
import { addUpCommand } from "./up";

const GATEWAY_PORT = 18789;

/** Every command. */
export function program(): Command {
  const hermes = new Command("hermes")
    .description("Set up, operate and repair a private OpenClaw gateway that Pulumi deploys.")
    .addHelpText(
      "after",
      "\nExit codes: 0 success, 1 invalid input, 2 usage, 3 unhealthy, 4 refused, 5 cloud or network failure, 130 interrupted.",
    )
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "Show help for a command")
    .showHelpAfterError("Add --help to the command to see its arguments and options.")
    .hook("preAction", (_, command) => refuseMissingValues(command))
    .exitOverride();
  hermes
    .command("init")
    .description("Create a stack and its keys; prompts for values that are not in the environment")
    .option("--stack <name>", "name of the stack", "hermes")
    .option("--access <mode>", "tailnet (default) or ssh")
    .option("--admin-cidr <cidr...>", "with --access ssh: addresses that may connect to port 22")
    .option("--telegram-owner <id>", "Telegram user id of the owner; enables the Telegram channel")
    .option("--rotate <secret...>", "replace these secrets")
    .option("--json", "one JSON document on stdout")
    .action(runInit);
  hermes
    .command("status")
    .description("Show gateway health")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--agent-turn", "also wait for an agent's answer")
    .option("--json", "one JSON document on stdout")
    .action(runStatus);
  hermes
    .command("tunnel")
    .description("Forward a local port to the gateway until interrupted")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--port <port>", "local port", String(GATEWAY_PORT))
    .action(runTunnel);
  addDoctorCommand(hermes);
  addLogsCommand(hermes);
  addSshCommand(hermes);
  addPairCommands(hermes);
  addUpgradeCommand(hermes);
  addRotateCommand(hermes);
  addBackupCommands(hermes);
  addPlanCommand(hermes);
  addSweepCommand(hermes);
  addReportCommand(hermes);
  addUpCommand(hermes);
  addSandboxCommands(hermes);
  addImageCommands(hermes);
  addLocalCommands(hermes);
  return hermes;
}

async function runInit(options: InitOptions): Promise<void> {
  const result = await init(options);
  if (options.json === true) return void process.stdout.write(`${JSON.stringify(result)}\n`);
  const list = (names: string[]): string => (names.length === 0 ? "none" : names.join(", "));
  process.stdout.write(
    `${table([
      ["stack", result.stack],
      ["secrets set", list(result.set)],
      ["secrets kept", list(result.kept)],
      ["next", "set DIGITALOCEAN_TOKEN and the Tailscale credentials, then: pulumi up"],
    ])}\n`,
  );
}

async function runStatus(options: StackOptions & { agentTurn?: boolean; json?: boolean }): Promise<void> {
  const { outputs, ...target } = await sshTarget(options);
  const report = await gatewayStatus(target, { agentTurn: options.agentTurn === true });
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ ...report, droplet: outputs.droplet, tailnet: outputs.tailnet })}\n`);
  } else {
    const turn = report.status?.agentTurn;
    const servers = report.status === undefined ? undefined : mcpLine(report.status);
    process.stdout.write(
      `${table([
        ["gateway", report.problem === undefined ? `ready, ${report.status?.version ?? "?"}` : "unhealthy"],
        ["tailnet", `${outputs.tailnet.name} (${outputs.tailnet.address})`],
        ["droplet", `${outputs.droplet.name}, ${outputs.droplet.size}, ${outputs.droplet.region}`],
        ...(turn === undefined
          ? []
          : ([["agent", `${turn.text ?? "no answer"} (${turn.model ?? "?"})`]] as [string, string][])),
        ...(servers === undefined ? [] : ([["mcp", plain(servers)]] as [string, string][])),
        ["tunnel", "hermes tunnel"],
      ])}\n`,
    );
    const dead = report.status === undefined ? undefined : mcpWarning(report.status);
    const fallback = report.status === undefined ? undefined : fallbackWarning(report.status);
    if (report.problem !== undefined) process.stderr.write(`${report.problem}\n`);
    else for (const text of [fallback, dead]) if (text !== undefined) process.stderr.write(`warning: ${plain(text)}\n`);
  }
  if (report.problem !== undefined) process.exitCode = EXIT.unhealthy;
}

async function runTunnel(options: StackOptions & { port: string }): Promise<void> {
  const local = wholeNumber("--port", options.port, {
    ...{ min: 1, max: 65_535, such: GATEWAY_PORT },
    allowed: "A port of this machine: a number from 1 to 65535.",
  });
  const target = await sshTarget(options);
  const { server, closed } = await openTunnel(target, { local, remote: GATEWAY_PORT }).catch((error: Error) => {
    throw new CommandError(error.message, EXIT.cloud);
  });
  process.stderr.write(`http://127.0.0.1:${local}/ forwards to the gateway; press Ctrl-C to stop\n`);
  process.once("SIGINT", () => server.close());
  process.once("SIGTERM", () => server.close());
  await closed;
}
