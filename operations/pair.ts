import { CommandError, EXIT, table } from "../lib/output";
import { matching } from "./stack/input";
import type { StackOptions } from "./stack/reach";
import { plain } from "./stack/scrub";
import { here, hermesApply, type Surroundings } from "./stack/surroundings";

export interface PairOptions extends StackOptions {
  channel: string;
  json?: boolean;
}

type Fields = Record<string, unknown>;

interface PairReply {
  ok: boolean;
  requests?: Fields[];
  pending?: Fields[];
  paired?: Fields[];
  error?: string;
}

export async function runPairList(options: PairOptions, io: Surroundings = here()): Promise<number> {
  const reply = await ask(`list ${channelOf(options)}`, options, io);
  const requests = reply.requests ?? [];
  print(io, options, { channel: options.channel, requests }, () =>
    requests.length === 0
      ? `nobody waits on ${options.channel}`
      : table(requests.map((each) => [text(each["code"]), `${sender(each)}, since ${text(each["createdAt"])}`])),
  );
  return EXIT.ok;
}

export async function runPairApprove(code: string, options: PairOptions, io: Surroundings = here()): Promise<number> {
  matching("<code>", code, {
    pattern: /^[A-Za-z0-9]{4,16}$/,
    allowed: "A pairing code: 4 to 16 letters and digits, as the bot sent it.",
    fix: "Write the code of one of those that wait: ./hermes pair list",
  });
  const channel = channelOf(options);
  await ask(`approve ${channel} ${code}`, options, io);
  print(
    io,
    options,
    { channel, approved: code.toUpperCase() },
    () => `${code.toUpperCase()} may talk to the agents now`,
  );
  return EXIT.ok;
}

export async function runPairDevices(
  options: StackOptions & { json?: boolean },
  io: Surroundings = here(),
): Promise<number> {
  const { pending = [], paired = [] } = await ask("devices", options, io);
  print(io, options, { pending, paired }, () => {
    const rows = [...pending.map((each) => device("waits", each)), ...paired.map((each) => device("paired", each))];
    return rows.length === 0 ? "no device was ever paired" : table(rows);
  });
  return EXIT.ok;
}

const channelOf = ({ channel }: PairOptions): string =>
  matching("--channel", channel, {
    pattern: /^[a-z][a-z0-9_-]{0,63}$/,
    allowed: "The name of a channel of OpenClaw's.",
    fix: "Write telegram.",
  });

/** @throws CommandError with OpenClaw's reason; an unknown code is the user's mistake */
async function ask(verbs: string, options: StackOptions, io: Surroundings): Promise<PairReply> {
  const reply = await hermesApply<PairReply>(await io.connect(options), `pair ${verbs}`);
  if (reply.ok) return reply;
  const error = plain(reply.error ?? "no reason given");
  throw new CommandError(error, /^nobody waits/.test(error) ? EXIT.input : EXIT.unhealthy);
}

const text = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? plain(`${value}`) : "?";

/** Names are what strangers call themselves; the number is Telegram's. */
function sender({ id, meta }: Fields): string {
  const { firstName, lastName, username, senderId } = (meta ?? {}) as Fields;
  const names = [firstName, lastName].filter((name) => typeof name === "string").join(" ");
  return [text(senderId ?? id), names === "" ? [] : plain(names), username === undefined ? [] : `@${text(username)}`]
    .flat()
    .join(" ");
}

function device(state: string, each: Fields): [string, string] {
  const { operatorLabel, displayName, clientId, deviceId, requestId, platform, remoteIp } = each;
  const name = text(operatorLabel ?? displayName ?? clientId ?? deviceId);
  const where = [platform, remoteIp].flatMap((value) => (value === undefined ? [] : text(value)));
  return [state, [name, ...where, requestId === undefined ? [] : `request ${text(requestId)}`].flat().join(", ")];
}

function print(io: Surroundings, options: { json?: boolean }, document: object, people: () => string): void {
  io.stdout.write(options.json === true ? `${JSON.stringify(document)}\n` : `${people()}\n`);
}
