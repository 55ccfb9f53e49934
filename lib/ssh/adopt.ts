// How a droplet comes by the stack's host key: at the first contact it shows one of its own, or none that is known.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Client, ClientChannel } from "ssh2";
import { addressOf, connectSsh, dial, isRefusal, type Login, type SshTarget } from "./connection";
import { HostKeyError, isExpected, isProven, unproven, wrongKey } from "./host-key";
import { publicKeyOf } from "./public-key";

export interface Adoption extends Login {
  /** OpenSSH private key that the droplet is to prove itself by from now on. */
  hostKey: string;
  /** From the droplet's user data. Absent: the droplet has shown the stack's key before, and must show it now. */
  tailnetKey?: string;
}

export interface AdoptOptions {
  say: (text: string) => void;
  /** For a host that does not answer, and for sshd to show the new key. @default a minute */
  timeoutMs?: number;
  /** @default 1 s */
  pollMs?: number;
}

/**
 * Has the droplet show the stack's host key. One that shows another is given it only when it proves that it was born with
 * this stack's user data.
 *
 * @throws HostKeyError when it is another machine, or cannot prove that it is not
 */
export async function adopt(adoption: Adoption, options: AdoptOptions): Promise<void> {
  const { hostKey, tailnetKey, ...login } = adoption;
  const expected = publicKeyOf(hostKey);
  await until(options, `${addressOf(login)} took the host key and does not show it`, async () => {
    const shown = await shownKey(login);
    if (shown !== undefined && isExpected(expected, shown)) return true;
    if (tailnetKey === undefined || shown === undefined) throw wrongKey(addressOf(login), expected, shown);
    options.say("the droplet shows a host key of its own; asking it for a proof");
    await prove(login, hostKey, tailnetKey);
    options.say("the droplet proved itself, and took the stack's host key");
    return false;
  });
}

/**
 * Gives another host key to a droplet that shows the target's.
 *
 * @throws HostKeyError when it shows another; Error when it does not take the new one
 */
export async function giveHostKey(target: SshTarget, hostKey: string): Promise<void> {
  await withClient(await connectSsh(target), async (client) => {
    const conversation = await converse(client, "");
    await conversation.reply();
    await install(conversation, hostKey);
  });
}

/** Until sshd has read its keys anew, and lets the login in. @throws Error when it does not show the target's key in time */
export async function showsNow({ hostKey, ...login }: SshTarget, options: Omit<AdoptOptions, "say">): Promise<void> {
  await until(options, `${addressOf(login)} does not show it`, async () => {
    const shown = await shownKey(login);
    return shown !== undefined && isExpected(hostKey, shown);
  });
  (await connectSsh({ hostKey, ...login })).end();
}

/** The key that a host shows, without a login. Undefined: none of the type that a droplet has. @throws Error without an answer */
export async function shownKey(login: Login): Promise<Buffer | undefined> {
  let shown: Buffer | undefined;
  await dial(login, (key) => {
    shown = key;
    return false;
  }).then(
    (client) => client.end(),
    (error: Error) => {
      if (!isRefusal(error)) throw error;
    },
  );
  return shown;
}

/** On one connection: the proof is bound to its host key, so what follows the proof reaches who gave it. */
async function prove(login: Login, hostKey: string, tailnetKey: string): Promise<void> {
  let shown: Buffer = Buffer.alloc(0);
  const client = await dial(login, (key) => {
    shown = key;
    return true;
  });
  await withClient(client, async () => {
    const nonce = randomBytes(32).toString("hex");
    const conversation = await converse(client, nonce);
    const { proof } = await conversation.reply();
    if (!isProven(String(proof), { tailnetKey, nonce, shown })) throw unproven(addressOf(login), shown);
    await install(conversation, hostKey);
  });
}

async function install(conversation: Conversation, hostKey: string): Promise<void> {
  conversation.end(hostKey);
  const { installed, error = "it gave no reason" } = await conversation.reply();
  if (installed !== true) throw new Error(`the droplet did not take the host key: ${String(error)}`);
}

const PROGRAM = join(__dirname, "host-key.py");

/** As one word of the droplet's shell; there is nothing secret in it. */
const command = (nonce: string): string =>
  `python3 -c '${readFileSync(PROGRAM, "utf8").replaceAll("'", `'\\''`)}' '${nonce}'`;

interface Conversation {
  /** What the next line says; nothing where it is no reply of host-key.py. @throws Error when the connection is lost */
  reply(): Promise<Record<string, unknown>>;
  end(text: string): void;
}

const ANSWER_MS = 90_000;
/** A stranger may send without end. */
const LONGEST_LINE = 4096;

async function converse(client: Client, nonce: string): Promise<Conversation> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec(command(nonce), (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
  });
  channel.stderr.resume();
  channel.setEncoding("utf8");
  channel.on("error", () => undefined);
  let received = "";
  let look = (): void => undefined;
  channel.on("data", (text: string) => {
    received += text;
    look();
  });
  const line = (): Promise<string> =>
    new Promise((resolve, reject) => {
      let hasEnded = false;
      // A command that has ended says no more; anything else may be tried again.
      const over = (): void => (hasEnded ? resolve("") : reject(new Error("the connection was lost")));
      const timer = setTimeout(() => reject(new Error(`it gave no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS);
      look = () => {
        const end = received.indexOf("\n");
        if (end < 0 && received.length < LONGEST_LINE) return;
        clearTimeout(timer);
        look = () => undefined;
        resolve(received.slice(0, end));
        received = received.slice(end + 1);
      };
      channel.once("close", () => clearTimeout(timer));
      channel.once("exit", () => (hasEnded = true));
      channel.once("close", over);
      client.once("close", over);
      look();
    });
  return {
    reply: async () => asMap(await line()),
    end: (text) => void channel.end(text),
  };
}

function asMap(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

async function withClient(client: Client, work: (client: Client) => Promise<void>): Promise<void> {
  try {
    await work(client);
  } finally {
    client.end();
  }
}

/** Tries again until it is so, or the time is up; a host that was refused is not asked again. */
async function until(
  { timeoutMs = 60_000, pollMs = 1000 }: Omit<AdoptOptions, "say">,
  otherwise: string,
  attempt: () => Promise<boolean>,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const result = await attempt().catch((error: Error) => error);
    if (result === true) return;
    const error = result === false ? new Error(otherwise) : result;
    if (error instanceof HostKeyError || Date.now() + pollMs > end) throw error;
    await delay(pollMs);
  }
}
