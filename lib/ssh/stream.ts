import type { Readable } from "node:stream";
import type { Client, ClientChannel } from "ssh2";
import { connectSsh, type SshTarget } from "./connection";

export interface StreamOptions {
  /** @default nothing comes in */
  stdin?: Readable;
  onStdout: (data: Buffer) => void;
  onStderr: (data: Buffer) => void;
  /** Ends the command; the result is 130 then. */
  signal?: AbortSignal;
}

export const INTERRUPTED = 130;

/**
 * Runs one command on the droplet while its output comes as it is made, however long that takes.
 *
 * @returns its exit code; 255 when it was ended by a signal there
 * @throws Error when there is no connection, or it is lost
 */
export async function streamOverSsh(target: SshTarget, command: string, options: StreamOptions): Promise<number> {
  const client = await connectSsh(target);
  return await onClient(client, options.signal, async () => {
    const channel = await open((done) => client.exec(command, done));
    channel.on("data", options.onStdout);
    channel.stderr.on("data", options.onStderr);
    if (options.stdin === undefined) channel.end();
    else options.stdin.pipe(channel);
    return await ended(channel);
  }).finally(() => options.stdin?.unpipe().pause());
}

/** A terminal, as process.stdin and process.stdout are one together. */
export interface Terminal {
  input: Readable & { setRawMode?(raw: boolean): unknown };
  output: NodeJS.WritableStream & { columns?: number; rows?: number };
  /** TERM. */
  kind: string;
}

/** An interactive shell. @returns its exit code @throws Error when there is no connection, or it is lost */
export async function shellOverSsh(target: SshTarget, { input, output, kind }: Terminal): Promise<number> {
  const client = await connectSsh(target);
  const size = () => ({ cols: output.columns ?? 80, rows: output.rows ?? 24 });
  let resized = (): void => undefined;
  return await onClient(client, undefined, async () => {
    const channel = await open((done) => client.shell({ term: kind, ...size() }, done));
    resized = () => void channel.setWindow(size().rows, size().cols, 0, 0);
    output.on("resize", resized);
    input.setRawMode?.(true);
    input.pipe(channel);
    channel.on("data", (data: Buffer) => output.write(data));
    return await ended(channel);
  }).finally(() => {
    // Also when the connection is lost: a terminal left raw is a terminal lost.
    input.setRawMode?.(false);
    input.unpipe().pause();
    output.off("resize", resized);
  });
}

async function onClient(client: Client, signal: AbortSignal | undefined, work: () => Promise<number>): Promise<number> {
  const lost = new Promise<never>((_, reject) => {
    client.on("error", (error) => reject(new Error(`the connection was lost: ${error.message}`)));
    client.once("close", () => reject(new Error("the connection was lost")));
  });
  const stopped = new Promise<number>((resolve) => {
    if (signal?.aborted === true) resolve(INTERRUPTED);
    signal?.addEventListener("abort", () => resolve(INTERRUPTED), { once: true });
  });
  try {
    return await Promise.race([work(), lost, stopped]);
  } finally {
    client.end();
  }
}

function open(
  ask: (done: (error: Error | undefined, channel: ClientChannel) => void) => unknown,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    ask((error, channel) => (error === undefined ? resolve(channel) : reject(error)));
  });
}

const ended = (channel: ClientChannel): Promise<number> =>
  new Promise((resolve) => channel.once("close", (code: number | null | undefined) => resolve(code ?? 255)));
