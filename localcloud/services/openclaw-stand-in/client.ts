import { readConfig, resolveSecret } from "./config";
import { CliError } from "./output";

/** No gateway listens. */
export class Unreachable extends CliError {
  constructor(
    readonly url: string,
    readonly reason: string,
  ) {
    super(`Gateway not reachable at ${url} (${reason}).\nStart it with \`openclaw gateway run\`.`);
  }

  get document(): object {
    const error = { type: "gateway_transport_error", kind: "closed", message: this.message, reason: this.reason };
    return { ok: false, error, gateway: { url: this.url, urlSource: "local loopback" } };
  }
}

/** One call of the running gateway, with its token. */
export async function callGateway(action: string, body: object): Promise<Record<string, unknown>> {
  const { gateway } = readConfig();
  const url = `ws://127.0.0.1:${gateway.port}`;
  const headers = {
    authorization: `Bearer ${resolveSecret(readConfig(), gateway.auth.token)}`,
    "content-type": "application/json",
  };
  let reply: Response;
  try {
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    reply = await fetch(`http://127.0.0.1:${gateway.port}/stand-in/${action}`, init);
  } catch (error) {
    const { code, message } = (error as { cause?: NodeJS.ErrnoException }).cause ?? (error as NodeJS.ErrnoException);
    throw new Unreachable(url, code ?? message);
  }
  const answer = (await reply.json()) as Record<string, unknown>;
  if (reply.status === 200) return answer;
  throw new CliError(String(answer["message"]));
}
