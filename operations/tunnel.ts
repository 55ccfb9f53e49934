import { CommandError, EXIT } from "../lib/output";
import { GATEWAY_PORT } from "../lib/private-ports";
import { connectSsh } from "../lib/ssh/connection";
import { keepTunnel } from "../lib/ssh/tunnel";
import { wholeNumber } from "./stack/input";
import { selected, type StackOptions } from "./stack/reach";
import { here, type Surroundings } from "./stack/surroundings";

export interface TunnelOptions extends StackOptions {
  port: string;
}

/** @throws CommandError when the port is taken, or the droplet cannot be reached */
export async function runTunnel(options: TunnelOptions, io: Surroundings = here()): Promise<void> {
  const local = wholeNumber("--port", options.port, {
    ...{ min: 1, max: 65_535, such: GATEWAY_PORT },
    allowed: "A port of this machine: a number from 1 to 65535.",
  });
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  // A new droplet has another address, which the stack's outputs know.
  const connect = async () => await connectSsh(await io.connect(options));
  const onListening = (): void => {
    const stack = selected(options).map((each) => ` ${each}`);
    say(`http://127.0.0.1:${local}/ forwards to the gateway; press Ctrl-C to stop`);
    say(`to log in, add #token=TOKEN to it: pulumi stack output gatewayToken --show-secrets${stack.join("")}`);
  };
  // Of the stack itself, not of the way to it; without a droplet one may be on its way.
  const isLasting = (error: unknown): boolean => error instanceof CommandError && error.code === EXIT.input;
  const signal = io.interrupted();
  await keepTunnel(connect, { local, remote: GATEWAY_PORT, say, onListening, isLasting, signal }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error instanceof CommandError) throw error;
      if (error.code === "EADDRINUSE") throw portTaken(local);
      throw new CommandError(error.message, EXIT.cloud, { cause: error });
    },
  );
}

const portTaken = (port: number): CommandError =>
  new CommandError(
    `--port ${port} is taken on this machine, by another tunnel perhaps.\n` +
      `  Any free port.\n  Write another one: ./hermes tunnel --port ${port < 65_000 ? port + 1 : GATEWAY_PORT}`,
    EXIT.input,
  );
