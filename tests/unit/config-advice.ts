// Does what a message says, word by word, so that a test can look whether it helps.
import { load } from "js-yaml";
import type { CheckContext, Problem } from "../../config";
import { keys, secrets, workspace } from "./config-fixture";
import { FULL } from "./config-slips";
import { IDENTITY } from "./config-wrong";

export interface Input {
  values: Record<string, unknown>;
  context: CheckContext;
}

type Step = (input: Input, problem: Problem, match: string[]) => Input;

/** A path as messages have it, in steps: `hermes:a.b[1]`. */
const steps = (key: string): string[] =>
  key
    .replace(/^hermes:/, "")
    .split(/[.[\]]+/)
    .filter((part) => part !== "");

function yaml(text: string): unknown {
  try {
    return load(text);
  } catch {
    return text;
  }
}

function set(values: unknown, [first = "", ...rest]: string[], value: unknown): unknown {
  if (Array.isArray(values)) {
    const list = [...(values as unknown[])];
    if (rest.length > 0) list[Number(first)] = set(list[Number(first)], rest, value);
    else if (value === undefined) list.splice(Number(first), 1);
    else list[Number(first)] = value;
    return list;
  }
  // Without a prototype that a key could be taken for.
  const map = new Map(Object.entries(typeof values === "object" ? (values ?? {}) : {}));
  if (rest.length > 0) map.set(first, set(map.get(first), rest, value));
  else if (value === undefined) map.delete(first);
  else map.set(first, value);
  return Object.fromEntries(map);
}

const get = (values: unknown, path: string[]): unknown =>
  path.reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], values);

const put = (input: Input, path: string[], value: unknown): Input => ({
  ...input,
  values: set(input.values, path, value) as Record<string, unknown>,
});

/** Whatever a command asks for. */
const GOOD_SECRETS: Record<string, unknown> = {
  ...secrets,
  hostKey: keys.host,
  telegramBotToken: "123456789:AAF0f_abcdefghijklmnopqrst",
  backupKey: IDENTITY,
};

function withSecret(input: Input, name: string, value: unknown): Input {
  const values = { ...input.context.secrets };
  if (value === undefined) delete values[name];
  else values[name] = value;
  const plainSecrets = (input.context.plainSecrets ?? []).filter((each) => each !== name);
  return { ...input, context: { ...input.context, secrets: values, plainSecrets } };
}

const goodSecret = (input: Input, name: string): Input =>
  withSecret(input, name, GOOD_SECRETS[name] ?? "value-of-an-mcp-servers-secret");

const workspaces: Step = (input) => ({ ...input, context: { ...input.context, workspace: () => workspace } });

const remove: Step = (input, { key }) => put(input, steps(key), undefined);

function renamed(input: Input, path: string[], name: string): Input {
  const value = get(input.values, path);
  // YAML has each key once, and so does whoever follows the advice.
  if (get(input.values, [...path.slice(0, -1), name]) !== undefined) throw new Error(`${name} is there, too`);
  return put(put(input, path, undefined), [...path.slice(0, -1), name], value);
}

/** The key's last part is the name of an agent, a server, a host. */
const another: Step = (input, { key }) => {
  const path = steps(key);
  if (key === "the stack's name") return { ...input, context: { ...input.context, stack: "prod" } };
  if (path.at(-1) === "hostname") return put(input, path, "other");
  return renamed(input, path, `renamed${Object.keys(input.values).length}`);
};

/** A reference to a secret, which is set. */
const reference: Step = (input, { key }, [, said = ""]) => {
  const name = said === "NAME" ? "serversToken" : said;
  const path = steps(key);
  return goodSecret(put(input, path.at(-1) === "secret" ? path.slice(0, -1) : path, { secret: name }), name);
};

const byVariable: Step = (input, { key }) => {
  const server = steps(key).slice(0, 2);
  return goodSecret(put(put(input, [...server, "args"], []), [...server, "env", "X"], { secret: "x" }), "x");
};

const byHeader: Step = (input, { key }) => {
  const server = steps(key).slice(0, 2);
  const { origin, pathname } = new URL(String(get(input.values, steps(key))));
  const header = [...server, "headers", "Authorization"];
  return goodSecret(put(put(input, steps(key), `${origin}${pathname}`), header, { secret: "x" }), "x");
};

const move: Step = (input, { key }, [, path = "", top = ""]) => {
  const from = [key.replace(/^hermes:/, "")];
  const value = get(input.values, from);
  return put(put(input, from, undefined), [top, ...path.split(".")], value);
};

const upwards: Step = (input, { key }) => {
  const inner = Object.entries(get(input.values, steps(key)) as object);
  return inner.reduce<Input>((done, [name, value]) => put(done, [name], value), put(input, steps(key), undefined));
};

const servers: Step = (input, { key }) => {
  const [top = "", name = ""] = steps(key);
  return put(input, [top], get(input.values, [top, name]));
};

/** One of the names that the second line lists. */
const choose: Step = (input, { key, allowed }) => put(input, steps(key), /(?:are|is) (\w+)/.exec(allowed)?.[1]);

/** What a message writes out ends before a reason, an alternative or the full stop. */
function written(text: string): unknown {
  const flow = /^[[{"]/.test(text) ? /^(\[.*?\]|\{.*\}|"[^"]*")/.exec(text)?.[1] : undefined;
  return yaml(flow ?? text.split(/; |, | or | \(|: the |\. |\.$/)[0] ?? "");
}

/** The first that fits is done. */
const STEPS: [RegExp, Step][] = [
  [
    /^Set the value under another name.*secrets\["(.*)"\]'/,
    (input, _, [, name = ""]) => withSecret(input, name, undefined),
  ],
  [
    /^Set it under that name, then remove this one: .*secrets\.(\w+)'\. Run: .*secrets\.(\w+)'/,
    (input, _, [, old = "", name = ""]) => goodSecret(withSecret(input, old, undefined), name),
  ],
  [/config rm --path 'hermes:secrets\.(\w+)'/, (input, _, [, name = ""]) => withSecret(input, name, undefined)],
  [
    /^Remove it, and set it encrypted\..*secrets\.(\w+)'/,
    (input, problem, [, name = ""]) => goodSecret(remove(input, problem, []), name),
  ],
  [/^Remove it, and give it by a variable/, byVariable],
  [/^Remove it from the URL, and send it as a header/, byHeader],
  [/^Set (?:the value|a secret of the server's own).*secrets\.(\w+)'/, reference],
  [
    /^Set the same key again: .*secrets\.(\w+)'/,
    (input, _, [, name = ""]) =>
      withSecret(
        input,
        name,
        String(input.context.secrets[name])
          .replace(/^\ufeff|\r/g, "")
          .replace(/^[ \t]+|^\n/gm, ""),
      ),
  ],
  [/^Run: .*--path 'hermes:secrets\.(\w+)'/, (input, _, [, name = ""]) => goodSecret(input, name)],
  [/^Run \.\/hermes init/, (input, { key }) => put(goodSecret(input, "backupKey"), steps(key), RECIPIENT_OF_INIT)],
  [
    /^(Create|Save it as UTF-8|Shorten|Replace the link|Point at|Give the agent|Rename (the file|soul\.md|SOUL\.md\.txt)|Remove (it from the workspace|the value from|what the agent|one of the two))/,
    workspaces,
  ],
  [/^(Choose another name|Rename (it\.|the (agent|server)))/, another],
  [
    /^Rename it to (?:hermes:)?(\w+)\./,
    (input, { key }, [, name = ""]) => renamed(input, key.startsWith("hermes:") ? steps(key) : [key], name),
  ],
  [/^Move it to ([\w.]+) in hermes:(\w+)\./, move],
  [/^Move \w+ one level up, and remove/, servers],
  [/^Write hermes:\w+(?:, hermes:\w+)* in its place/, upwards],
  [
    /^Write (\w+): (\S+) in its place/,
    (input, { key }, [, name = "", value = ""]) =>
      put(put(input, steps(key), undefined), [...steps(key).slice(0, -1), name], yaml(value)),
  ],
  [/^Write hermes:region: (\w+)/, (input, _, [, region]) => put(input, ["region"], region)],
  [/^Choose one of them/, choose],
  [/^Choose another region/, (input, { key }) => put(input, steps(key), "nyc3")],
  [/^Set hermes:size to ([\w-]+)/, (input, _, [, size]) => put(input, ["size"], size)],
  [/^Put it in quotes: (?:\w+: )?"(.*)"\./, (input, { key }, [, text]) => put(input, steps(key), text)],
  [/^Write “\w+:” and below it/, (input, { key }) => put(input, steps(key), get(FULL, steps(key)))],
  [/^Write it without quotes: (.*)\.$/s, (input, { key }, [, text = ""]) => put(input, steps(key), yaml(text))],
  [/^Choose a smaller hermes:size or hermes:volumeGiB/, (input, { key }) => put(input, steps(key), 1000)],
  [
    /^Write a list(?:, such as|, without credentials:|:) (\[.*\])\.$/,
    (input, { key }, [, list = ""]) => put(input, steps(key), yaml(list)),
  ],
  [
    /^Write command: (\S+), args: (\[.*\])\.$/,
    (input, { key }, [, command, args = ""]) =>
      put(put(input, steps(key), command), [...steps(key).slice(0, -1), "args"], yaml(args)),
  ],
  [/^Write peer: (\{.*?\})/, (input, { key }, [, peer = ""]) => put(input, steps(key).slice(0, -1), yaml(peer))],
  [
    /^Write another port/,
    (input, { key }) =>
      put(input, steps(key), String(get(input.values, steps(key))).replace(/\d*(%31)?(18|8)789|11434/, "8080")),
  ],
  [
    /^Write (?:the day|the number|a path|another address|your own address).*?such as ("[^"]*"|\S+?)[,;.]? /,
    (input, { key }, [, text = ""]) =>
      put(input, steps(key), key.endsWith("adminCidrs") ? [text] : text.replaceAll('"', "")),
  ],
  [
    /^Write (?:it as the service shows it, )?for example (\S+)\.$/,
    (input, { key }, [, text]) => put(input, steps(key), text),
  ],
  [/^Write another, such as (\S+)\./, (input, { key }, [, text]) => put(input, steps(key), text)],
  [/^Write a path .*such as (\S+)\.$/, (input, { key }, [, text]) => put(input, steps(key), text)],
  [/^Write (.+)$/s, (input, { key }, [, text = ""]) => put(input, steps(key), written(text))],
  [/^Add a url, such as (\S+),/, (input, { key }, [, url]) => put(input, steps(key), { url })],
  [/^Remove the url/, (input, { key }) => put(input, [...steps(key), "url"], undefined)],
  [/^Remove the binding/, (input, { key }) => put(input, steps(key).slice(0, -1), undefined)],
  [
    /^Add the binding (\{.*\}) to an agent, for example (\w+)/,
    (input, _, [, binding = "", id = ""]) => put(input, ["agents", id, "bindings"], [yaml(binding)]),
  ],
  [/^It stands in https/, (input, { key }) => put(input, steps(key), "a".repeat(64))],
  [/^Refer to it by name, or remove it/, remove],
  [/^(Remove|Leave the key out)/, remove],
];

const RECIPIENT_OF_INIT = "age1444lj0tm8q9zse0r0jv6xvueqwnce4l2jr4a3wxvuncl7926qv4qq8u0gm";

/** @throws Error where a message says nothing that can be done */
export function applied(input: Input, problem: Problem): Input {
  for (const [pattern, step] of STEPS) {
    const match = pattern.exec(problem.fix);
    if (match !== null) return step(input, problem, [...match]);
  }
  throw new Error(`nobody can do what this says: ${problem.key}: ${problem.fix}`);
}
