import type { Command } from "commander";
import { GATEWAY_PORT } from "../lib/private-ports";
import { runTunnel, type TunnelOptions } from "../operations/tunnel";

export function addTunnelCommand(hermes: Command): void {
  hermes
    .command("tunnel")
    .description("Forward a local port to the gateway until interrupted; reconnects when the connection is lost")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--port <port>", "local port", String(GATEWAY_PORT))
    .action((options: TunnelOptions) => runTunnel(options));
}
