import { Readable } from "node:stream";
import type * as Secrets from "../../operations/secrets";
import { KNOWN_SECRETS } from "../../config/types";
import { EXIT } from "../../lib/output";
import { keys, secrets } from "./config-fixture";

const KEY = "sk-or-v1-0123456789abcdef";

let operations: typeof Secrets;
let written: [string, string][];
let isUp: boolean;

beforeAll(() => {
  jest.resetModules();
  jest.doMock("../../lib/set-config", () => ({
    setConfig: (stack: string[], key: string, value: string, flags: string[]) => {
      written.push([[...stack, key, ...flags].join(" "), value]);
      return Promise.resolve();
    },
  }));
  const reach = jest.requireActual<object>("../../operations/stack/reach");
  jest.doMock("../../operations/stack/reach", () => ({
    ...reach,
    stackOutputs: () => (isUp ? Promise.resolve({}) : Promise.reject(new Error("no droplet"))),
    stackSecrets: () => Promise.resolve({ zebraToken: "x", hostKey: "x", openrouterApiKey: "x", apiToken: "x" }),
  }));
  operations = jest.requireActual<typeof Secrets>("../../operations/secrets");
});
beforeEach(() => void ([written, isUp] = [[], false]));

const set = (name: string, ...chunks: string[]) => {
  const asked: string[] = [];
  const input = { stdin: Readable.from(chunks), stderr: { write: (text: string) => asked.push(text) } };
  return operations.setSecret(name, { stack: "hermes" }, input).then(
    () => ({ code: 0, message: "", asked }),
    (error: Error & { code: number }) => ({ code: error.code, message: error.message, asked }),
  );
};

describe("hermes secret set", () => {
  it("stores what comes in, encrypted, without the line break that programs print", async () => {
    expect(await set("openrouterApiKey", KEY.slice(0, 5), `${KEY.slice(5)}\n`)).toEqual({
      code: 0,
      message: "",
      asked: [],
    });
    expect(written).toEqual([["--stack hermes hermes:secrets.openrouterApiKey --path --secret", KEY]]);
  });

  it("stores a key of SSH as it is, before there is a droplet", async () => {
    expect((await set("deployKey", keys.deploy)).code).toBe(0);
    expect(written[0]?.[1]).toBe(keys.deploy);
  });

  it("stores a secret of an MCP server", async () => {
    expect((await set("githubToken", "anything at all")).code).toBe(0);
  });

  it.each([
    ["openrouterApiKey", "sk-ant-api03-0123456789abcdef", "Anthropic"],
    ["openrouterApiKey", `"${KEY}"`, "quotes"],
    ["gatewayToken", "short", "characters"],
    ["backupKey", "age1444lj0tm8q9zse0r0jv6xvueqwnce4l2jr4a3wxvuncl7926qv4qq8u0gm", "public half"],
    ["deployKey", String(secrets["gatewayToken"]), "key"],
    ["openrouterApiKey", "\n", "no value came in"],
  ])("refuses a wrong %s before it writes anything, and does not print it", async (name, value, words) => {
    const { code, message } = await set(name, value);
    expect([code, written]).toEqual([EXIT.input, []]);
    expect(message).toContain(words);
    if (value.trim() !== "") expect(message).not.toContain(value);
  });

  it.each(["deployKey", "hostKey"])("leaves the %s of a droplet that is up to hermes rotate", async (name) => {
    isUp = true;
    expect(await set(name, keys.deploy)).toMatchObject({
      code: EXIT.refused,
      message: expect.stringContaining(`In two steps, without an interruption: ./hermes rotate ${name}`) as string,
    });
    expect(written).toEqual([]);
  });

  it("takes no more than a secret can be", async () => {
    expect(await set("githubToken", "x".repeat(40_000), "x".repeat(40_000))).toMatchObject({
      code: EXIT.input,
      message: "the value is longer than 64 KiB",
    });
  });
});

it("lists names, hermes' own first", async () => {
  expect(KNOWN_SECRETS).toContain("hostKey");
  expect(await operations.secretNames({})).toEqual(["openrouterApiKey", "hostKey", "apiToken", "zebraToken"]);
});
