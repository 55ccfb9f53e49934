import type { Command } from "commander";
import { CommandError, EXIT } from "../lib/output";
import { openTunnel } from "../lib/ssh/connection";
import { wholeNumber } from "../operations/stack/input";
import { sshTarget, type StackOptions } from "../operations/stack/reach";

const GATEWAY_PORT = 18789;

export function addTunnelCommand(hermes: Command): void {
  hermes
    .command("tunnel")
    .description("Forward a local port to the gateway until interrupted")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--port <port>", "local port", String(GATEWAY_PORT))
    .action(runTunnel);
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
