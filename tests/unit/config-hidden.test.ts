// Credentials that people bring in from other tools' files, where and how hermes does not expect them: refused, and not printed.
import { formatProblems } from "../../config";
import { matching } from "../../operations/stack/input";
import { problems } from "./config-fixture";
import { mcp } from "./config-wrong";

const H = "hunter2hunter2";
const TOKEN = "ghp_0123456789abcdef0123";

const texts = (changes: Record<string, unknown>): string => formatProblems("hermes", problems(changes));

describe("a credential in a value of the wrong form is not printed", () => {
  it.each<[string, unknown]>([
    ["env as a list", { command: "x", env: [`TRACKER_TOKEN=${H}`] }],
    ["env as one text", { command: "x", env: `TRACKER_TOKEN=${H}` }],
    ["headers as one text", { url: "https://x.example.com/", headers: `Authorization: Bearer ${H}` }],
    ["headers as a list", { url: "https://x.example.com/", headers: [`Authorization: Bearer ${H}`] }],
    ["headers by name and value", { url: "https://x.example.com/", headers: [{ name: "X-Api-Key", value: H }] }],
    ["a server as one text", `npx -y x --token ${H}`],
    ["a command with an option", { command: `npx -y x --api-key ${H}` }],
    ["a command with a variable", { command: `API_TOKEN=${H} npx -y x` }],
    ["a command as a list", { command: ["npx", "--token", H] }],
    ["args as a map", { command: "x", args: { token: H } }],
    ["args in a list of lists", { command: "x", args: [["--token", H]] }],
    ["args as one text", { command: "x", args: `-y srv --token ${H}` }],
    ["args as one word", { command: "x", args: `--token=${H}` }],
    ["args as one text in quotes", { command: "x", args: `--header 'Authorization: Bearer ${H}'` }],
    ["an argument with a blank", { command: "x", args: ["--token", `${H} `] }],
    ["a header's name", { url: "https://x.example.com/", headers: { [`Authorization: Bearer ${H}`]: "x" } }],
    ["a variable's name", { command: "x", env: { [`API_TOKEN=${H}`]: "x" } }],
    ["a URL with a blank", { url: `https://x.example.com/mcp?api_key=${H} ` }],
    ["a URL without https", { url: `http://x.example.com/mcp?api_key=${H}` }],
    ["a URL without a scheme", { url: `x.example.com/mcp?token=${H}` }],
    ["a secret's value in place of its name", { command: "x", env: { T: { secret: `Bearer ${H}` } } }],
  ])("%s", (_what, server) => {
    const said = texts(mcp(server));
    expect(said).toContain("hermes:mcpServers.tracker");
    expect(said).not.toContain(H);
  });

  it.each<[string, Record<string, unknown>]>([
    ["a token in place of a secret's name", mcp({ command: "x", env: { T: { secret: TOKEN } } })],
    ["a token as a key", { [TOKEN]: "x" }],
    ["a token as the region", { region: TOKEN }],
    ["a server with a password and a blank", { tailnet: { loginServer: `https://ada:${TOKEN}@hs.example.com ` } }],
    ["a host name that is a key", { tailnet: { hostname: TOKEN } }],
  ])("%s", (_what, changes) => {
    expect(problems(changes)).not.toEqual([]);
    expect(texts(changes)).not.toContain(TOKEN);
  });

  it.each(["https://ada:hunter2@x/y", "ada:hunter2@h:80", "hunter2hunter2@git.example.com/a"])(
    "a flag: %s",
    (value) => {
      const rule = { pattern: /^[a-z]+$/, allowed: "A word.", fix: "Write a word." };
      expect(() => matching("--stack", value, rule)).toThrow(/--stack is (\[hidden\]|\[secret\])/);
      expect(() => matching("--stack", value, rule)).not.toThrow(/hunter2/);
    },
  );
});

describe("advice does no harm", () => {
  const fixes = (changes: Record<string, unknown>): string[] => problems(changes).map(({ fix }) => fix);

  it.each([
    ["1,000", "Write 1000."],
    ["1.000", "Write 1000."],
    ["20Gi", "Write 20."],
    ["4,00", "Write 4."],
  ])("of a number of GiB: %s", (volumeGiB, fix) => expect(fixes({ volumeGiB })).toEqual([fix]));

  it("of a range that is far too wide is the one address", () => {
    const changes = { access: "ssh", adminCidrs: ["1.2.3.4/0", "198.51.100.7/4"] };
    expect(fixes(changes)).toEqual(["Write 1.2.3.4/32.", "Write 198.51.100.7/32."]);
  });

  it.each([
    [0, "Write false."],
    [1, "Write true."],
    ["constructor", "Write true."],
  ])("of a boolean: %j", (agentTurn, fix) => expect(fixes({ verify: { agentTurn } })).toEqual([fix]));

  it("of a port's number in another key: there is none", () => {
    expect(problems({ volumeGiB: 11434 })).toEqual([]);
  });
});
