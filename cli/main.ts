import { Command, CommanderError } from "commander";
import { gatewayStatus } from "../remote/gateway-status";
import { openTunnel } from "../remote/ssh";
import { addBackupCommands } from "./backup";
import { addDoctorCommand } from "./doctor";
import { addImageCommands } from "./image";
import { init, type InitOptions } from "./init";
import { addLocalCommands } from "./local";
import { addLogsCommand } from "./logs";
import { CommandError, EXIT, table } from "./output";
import { addPairCommands } from "./pair";
import { addPlanCommand } from "./plan";
import { addRotateCommand } from "./rotate";
import { addSshCommand } from "./ssh";
import { addSandboxCommands } from "./sandbox";
import { sshTarget, type StackOptions } from "./stack";
import { addUpgradeCommand } from "./upgrade";
import { addSweepCommand } from "./sweep";

const GATEWAY_PORT = 18789;

function program(): Command {
  const hermes = new Command("hermes")
    .description("What pulumi itself does not do for a private OpenClaw gateway.")
    .addHelpText(
      "after",
      "\nExit codes: 0 fine, 1 wrong input, 2 usage, 3 unhealthy, 4 refused, 5 the cloud or network failed, 130 interrupted.",
    )
    .exitOverride();
  hermes
    .command("init")
    .description("make a stack and its keys; asks for what only you know (or takes it from the environment)")
    .option("--stack <name>", "name of the stack", "hermes")
    .option("--access <mode>", "tailnet (default) or ssh")
    .option("--admin-cidr <cidr...>", "with --access ssh: who may reach port 22")
    .option("--telegram-owner <id>", "Telegram user id of the owner: turns the Telegram channel on")
    .option("--rotate <secret...>", "make or ask for these anew")
    .option("--json", "one JSON document on stdout")
    .action(runInit);
  hermes
    .command("status")
    .description("the gateway's own word on how it is")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--agent-turn", "ask the agent too")
    .option("--json", "one JSON document on stdout")
    .action(runStatus);
  hermes
    .command("tunnel")
    .description("forward a local port to the gateway until interrupted")
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
    process.stdout.write(
      `${table([
        ["gateway", report.problem === undefined ? `ready, ${report.status?.version ?? "?"}` : "not well"],
        ["tailnet", `${outputs.tailnet.name} (${outputs.tailnet.address})`],
        ["droplet", `${outputs.droplet.name}, ${outputs.droplet.size}, ${outputs.droplet.region}`],
        ...(turn === undefined
          ? []
          : ([["agent", `${turn.text ?? "no answer"} (${turn.model ?? "?"})`]] as [string, string][])),
        ["tunnel", outputs.tunnel],
      ])}\n`,
    );
    if (report.problem !== undefined) process.stderr.write(`${report.problem}\n`);
  }
  if (report.problem !== undefined) process.exitCode = EXIT.unhealthy;
}

async function runTunnel(options: StackOptions & { port: string }): Promise<void> {
  const local = Number(options.port);
  if (!Number.isInteger(local) || local < 1 || local > 65535) {
    throw new CommandError(`--port ${options.port}: a number from 1 to 65535`, EXIT.usage);
  }
  const target = await sshTarget(options);
  const { server, closed } = await openTunnel(target, { local, remote: GATEWAY_PORT }).catch((error: Error) => {
    throw new CommandError(error.message, EXIT.cloud);
  });
  process.stderr.write(`http://127.0.0.1:${local}/ leads to the gateway; Ctrl-C ends it\n`);
  process.once("SIGINT", () => server.close());
  process.once("SIGTERM", () => server.close());
  await closed;
}

async function main(): Promise<void> {
  try {
    await program().parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The user's mistakes and the cloud's failures get a message; only our own bugs a stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CommandError) {
    process.stderr.write(`hermes: ${error.message}\n`);
    return error.code;
  }
  process.stderr.write(`hermes: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.cloud;
}

void main();
