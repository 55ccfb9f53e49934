// Command lines with a flag or an argument that is wrong, and what becomes of them where nothing but a project is there.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { CommanderError } from "commander";
import { failureOf } from "../../cli/failure";
import { program } from "../../cli/program";
import { OUTPUTS } from "../fixtures/operated-stack";

export interface WrongCommand {
  args: string[];
  /** What the message names. */
  flag: string;
  /** 1: a wrong value; 2: flags that do not go together, or one that is missing; 4: a guard refuses. */
  code: 1 | 2 | 4;
  /** Index of the wrong value among {@link args}; absent: no value makes it right. */
  at?: number;
}

const value = (flag: string, ...args: string[]): WrongCommand => ({ args, flag, code: 1, at: args.length - 1 });
const argument = (name: string, at: number, ...args: string[]): WrongCommand => ({ args, flag: name, code: 1, at });
const usage = (flag: string, ...args: string[]): WrongCommand => ({ args, flag, code: 2 });

const TORN = "Pulumi.torn.yaml is not a YAML file that hermes can read: line ";
const POSTED = ["report", "--post", "--stack", "hermes"];
const GITEA = [...POSTED, "--forge", "gitea", "--forge-url", "https://git.example.com/api/v1", "--repo", "ada/hermes"];
const SHA = "0123456789abcdef0123456789abcdef01234567";

export const WRONG_COMMANDS: WrongCommand[] = [
  // Every command that is told a stack.
  value("--stack", "status", "--stack", "herms"),
  value("--stack", "status", "--stack", "no such"),
  value("--stack", "status", "--stack", "Pulumi.hermes.yaml"),
  value("--stack", "doctor", "--stack", "a/b/c/hermes"),
  { args: ["logs", "--stack", ""], flag: "--stack", code: 1 },
  { args: ["restore", "backup.age", "--yes", "--stack", ""], flag: "--stack", code: 1 },
  { args: ["status", "--stack", "--json"], flag: "--stack", code: 1 },
  value("--stack", "plan", "--offline", "--stack", "herms"),
  value("--stack", "sweep", "--stack", "hermes1"),
  { args: ["image", "bake", "--stack", "nothing-like-it"], flag: "--stack", code: 1 },
  value("--from", "sandbox", "create", "x", "--from", "herms"),
  // tunnel
  value("--port", "tunnel", "--port", "70000"),
  value("--port", "tunnel", "--port", "http"),
  value("--port", "tunnel", "--port", "'8080'"),
  value("--port", "tunnel", "--port", "0x50"),
  // logs
  value("--lines", "logs", "--lines", "-5"),
  value("--lines", "logs", "--lines", "1e3"),
  value("--lines", "logs", "--lines", "all"),
  value("--unit", "logs", "--unit", "Gateway"),
  value("--unit", "logs", "--unit", "ollma"),
  { args: ["logs", "--unit", "sshd"], flag: "--unit", code: 1 },
  usage("--json", "logs", "--follow", "--json"),
  // pair
  { args: ["pair", "approve", "A;reboot"], flag: "<code>", code: 1 },
  value("--channel", "pair", "list", "--channel", "Telegram"),
  value("--channel", "pair", "list", "--channel", "@me"),
  usage("<code>|'code'", "pair", "approve"),
  // secret
  argument("<name>", 2, "secret", "set", "secrets.githubToken"),
  { args: ["secret", "set", "it's"], flag: "<name>", code: 1 },
  usage("<name>|'name'", "secret", "set"),
  // upgrade, rotate
  usage("--check", "upgrade"),
  argument("<secret>", 1, "rotate", "deploykey"),
  argument("<secret>", 1, "rotate", "gateway-token"),
  { args: ["rotate", "passphrase"], flag: "<secret>", code: 1 },
  { args: ["rotate", "hostKey", "--fingerprint", "MD5:16:27:ac"], flag: "--fingerprint", code: 1 },
  usage("--fingerprint", "rotate", "deployKey", "--fingerprint", "SHA256:x"),
  usage("--lost", "rotate", "gatewayToken", "--lost"),
  // backup, restore
  { args: ["backup", "--out", "there.age"], flag: "--out", code: 1 },
  { args: ["backup", "--out", "nowhere/b.age"], flag: "--out", code: 1 },
  { args: ["backup", "--out", "."], flag: "--out", code: 1 },
  usage("--out", "backup", "--out", "b.age", "--to-bucket"),
  { args: ["restore", "nothing.age"], flag: "<file>", code: 1 },
  { args: ["restore", "."], flag: "<file>", code: 1 },
  value("--from-bucket", "restore", "--from-bucket", "newest"),
  value("--from-bucket", "restore", "--drill", "--from-bucket", "latst"),
  usage("--from-bucket", "restore"),
  usage("--from-bucket", "restore", "there.age", "--from-bucket", "latest"),
  usage("--drill", "restore", "--drill", "--verify"),
  // plan
  value("--size", "plan", "--offline", "--size", "S-2VCPU-4GB"),
  value("--size", "plan", "--offline", "--size", "s-2vpcu-4gb"),
  { args: ["plan", "--offline", "--size", "4gb"], flag: "--size", code: 1 },
  value("--region", "plan", "--offline", "--region", "FRA1"),
  { args: ["plan", "--offline", "--region", "frankfurt"], flag: "--region", code: 1 },
  value("--model", "plan", "--offline", "--model", "qwen3.5"),
  value("--model", "plan", "--offline", "--model", "qwen35:9b"),
  value("--context", "plan", "--offline", "--context", "32k"),
  value("--cache", "plan", "--offline", "--cache", "Q8_0"),
  value("--cache", "plan", "--offline", "--cache", "q8"),
  value("--ollama", "plan", "--offline", "--ollama", "on"),
  value("--swap", "plan", "--offline", "--swap", "4 GiB"),
  value("--swap", "plan", "--offline", "--swap", "400"),
  { args: ["plan", "--offline", "--svg", "nowhere/plan.svg"], flag: "--svg", code: 1 },
  usage("--sizes", "plan", "--sizes", "--models"),
  usage("--svg", "plan", "--svg", "--json"),
  usage("--svg", "plan", "--svg", "--sizes"),
  // report, up, and where they go
  value("--fail-on", "report", "--fail-on", "Replaces"),
  { args: ["report", "--fail-on", "warning"], flag: "--fail-on", code: 1 },
  { args: ["report", "--out", "nowhere/report.md"], flag: "--out", code: 1 },
  { args: ["report", "--from", "nothing.json"], flag: "--from", code: 1 },
  { args: ["report", "--from", "there.age"], flag: "--from", code: 1 },
  { args: ["report", "--from", "preview.json", "--state", "there.age"], flag: "--state", code: 1 },
  usage("--state", "report", "--state", "state.json"),
  usage("--drift", "report", "--from", "preview.json", "--drift"),
  value("--forge", ...POSTED, "--forge", "Github"),
  { args: [...POSTED, "--forge", "bitbucket"], flag: "--forge", code: 1 },
  usage("--forge", ...POSTED),
  usage("--forge-url", ...POSTED, "--forge", "gitea"),
  { args: [...POSTED, "--forge", "gitea", "--forge-url", "git.example.com"], flag: "--forge-url", code: 1 },
  value("--repo", ...POSTED, "--forge", "github", "--repo", "https://github.com/ada/hermes.git"),
  { args: [...POSTED, "--forge", "github", "--repo", "hermes"], flag: "--repo", code: 1 },
  usage("--repo", ...POSTED, "--forge", "github"),
  value("--pull", ...GITEA, "--pull", "#7"),
  value("--pull", ...GITEA, "--pull", "https://git.example.com/ada/hermes/pulls/7"),
  usage("--pull", ...GITEA),
  { args: [...GITEA, "--pull", "7", "--commit", SHA.slice(0, 10)], flag: "--commit", code: 1 },
  usage("--reviewed", "up"),
  { args: ["up", "--reviewed", "0123"], flag: "--reviewed", code: 1 },
  usage("--commit", "up", "--reviewed", "--forge", "github"),
  usage("--stack", "up", "--reviewed", "--commit", SHA),
  // sandbox
  argument("<name>", 2, "sandbox", "create", "Feature_A"),
  argument("<name>", 2, "sandbox", "create", "feature/a"),
  argument("<name>", 2, "sandbox", "create", `${"long-".repeat(8)}name`),
  argument("<name>", 2, "sandbox", "show", "Feature A"),
  argument("<name>", 2, "sandbox", "extend", "x--y"),
  argument("<name>", 2, "sandbox", "create", "épreuve"),
  argument("<name>", 2, "sandbox", "destroy", "x_y"),
  { args: ["sandbox", "recreate", "gone"], flag: "<name>", code: 1 },
  value("--ttl", "sandbox", "create", "x", "--ttl", "4 hours"),
  value("--ttl", "sandbox", "create", "x", "--ttl", "90"),
  value("--ttl", "sandbox", "create", "x", "--ttl", "40d"),
  value("--ttl", "sandbox", "extend", "x", "--ttl", "1.5h"),
  value("--idle", "sandbox", "create", "x", "--idle", "1m"),
  value("--idle", "sandbox", "create", "x", "--idle", "60min"),
  value("--count", "sandbox", "create", "x", "--count", "0"),
  value("--count", "sandbox", "create", "x", "--count", "two"),
  usage("--count", "sandbox", "create", "x", "y", "--count", "2"),
  value("--parallel", "sandbox", "create", "x", "--parallel", "50"),
  value("--parallel", "sandbox", "recreate", "x", "--parallel", "3x"),
  value("--parallel", "sandbox", "destroy", "x", "--parallel", "0"),
  value("--set", "sandbox", "create", "x", "--set", "size: s-2vcpu-4gb"),
  value("--set", "sandbox", "create", "x", "--set", "swapGiB = 2"),
  value("--set", "sandbox", "create", "x", "--set", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"),
  { args: ["sandbox", "create", "x", "--set", "models.primary=[a, b"], flag: "--set models.primary", code: 1 },
  { args: ["sandbox", "create", "x", "--set", "volumeGiB=10"], flag: "--set volumeGiB", code: 4 },
  { args: ["sandbox", "create", "x", "--set", "secrets.a=hunter2hunter2"], flag: "--set secrets.a", code: 4 },
  { args: ["sandbox", "create", "x", "--ref", "no-such-branch"], flag: "--ref", code: 1 },
  value("--seed", "sandbox", "create", "x", "--seed", "nothing.age"),
  { args: ["sandbox", "create", "x", "--seed", "bin"], flag: "--seed", code: 1 },
  usage("--yes", "sandbox", "sweep", "--dry-run", "--yes"),
  usage("--yes", "sweep", "--dry-run", "--yes"),
  // image
  value("--keep", "image", "prune", "--keep", "two"),
  value("--keep", "image", "prune", "--keep", "-1"),
  // A stack's file, and the sandboxes' own, with a slip of YAML: one line of it, and none of its text.
  ...[["plan", "--offline"], ["sweep"], ["image", "bake"]].map((words): WrongCommand => ({
    args: [...words, "--stack", "torn"],
    flag: TORN,
    code: 1,
  })),
  { args: ["sandbox", "create", "x", "--from", "torn"], flag: TORN, code: 1 },
  // What commander itself refuses.
  usage("--nonsense", "status", "--nonsense"),
  usage("--stak", "status", "--stak", "hermes"),
  usage("statsu", "statsu"),
  usage("--port", "tunnel", "--port"),
  usage("name", "sandbox", "show"),
  usage("arguments", "status", "hermes"),
];

const STACK_FILE = `config:
  hermes:region: nyc3
  hermes:size: s-1vcpu-2gb
  hermes:tailnet: {hostname: hermes, tag: "tag:hermes"}
`;

/** A backend with the stack hermes, which has no secret. */
const PULUMI = `#!/bin/sh
case "$*" in
  *--show-name*) echo hermes ;;
  "stack ls"*) echo '[{"name": "hermes"}]' ;;
  *"--stack hermes"*|*"--stack acme/"*) ;;
  *--stack*) echo "error: no stack named '$(echo "$*" | sed 's/.*--stack //; s/ --.*//')' found" >&2; exit 255 ;;
esac
case "$*" in
  "config --json"*) echo '{}' ;;
  "stack output"*) echo '${JSON.stringify(OUTPUTS)}' ;;
  *hermes:secrets*) echo '{}' ;;
  "config get"*) echo "error: configuration key not found" >&2; exit 255 ;;
esac
`;

export interface Typed {
  code: number;
  said: string;
}

/** A folder with a project in which command lines are run in this process. */
/** As process.stdin has it where it is closed. */
export const noInput = (): typeof process.stdin => Readable.from([]) as unknown as typeof process.stdin;

export class Terminal {
  private readonly folder = mkdtempSync(join(tmpdir(), "hermes-typed-"));
  private readonly before = { cwd: process.cwd(), env: { ...process.env } };
  /** Nothing comes in: that of a test's worker never ends. */
  private readonly stdin = jest.spyOn(process, "stdin", "get").mockImplementation(noInput);

  constructor() {
    mkdirSync(join(this.folder, "bin"));
    writeFileSync(join(this.folder, "bin", "pulumi"), PULUMI, { mode: 0o755 });
    writeFileSync(join(this.folder, "Pulumi.yaml"), "name: hermes\nruntime: nodejs\n");
    writeFileSync(join(this.folder, "Pulumi.hermes.yaml"), STACK_FILE);
    writeFileSync(
      join(this.folder, "Pulumi.torn.yaml"),
      "config:\n  hermes:size: [hunter2hunter2\n  hermes:region: fra1\n",
    );
    writeFileSync(join(this.folder, "there.age"), "not a backup");
    writeFileSync(join(this.folder, "preview.json"), '{"steps": []}');
    process.chdir(this.folder);
    const { HOME } = process.env;
    process.env = { PATH: `${join(this.folder, "bin")}:/usr/bin:/bin`, HOME };
  }

  close(): void {
    this.stdin.mockRestore();
    process.chdir(this.before.cwd);
    process.env = this.before.env;
    rmSync(this.folder, { recursive: true });
  }

  /** @returns what is printed on standard error, and the exit code @throws Error that a person would read as a trace */
  async type(args: readonly string[]): Promise<Typed> {
    const printed: string[] = [];
    const streams = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, "write").mockImplementation((text) => {
        if (stream === process.stderr) printed.push(String(text));
        return true;
      }),
    );
    const said = (more = ""): string => `${printed.join("")}${more}`.replaceAll(this.folder, "PROJECT").trimEnd();
    try {
      await program().parseAsync([...args], { from: "user" });
      return { code: Number(process.exitCode ?? 0), said: said() };
    } catch (error) {
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      return {
        code: failure.code,
        said: error instanceof CommanderError ? said() : said(`hermes: ${failure.message}`),
      };
    } finally {
      process.exitCode = undefined;
      for (const stream of streams) stream.mockRestore();
    }
  }
}

/** The command line with what the message says to write in the place of the wrong value; undefined: it says no value. */
export function corrected({ args, at }: WrongCommand, said: string): string[] | undefined {
  const written = /^ {2}Write (?:--stack )?(.+?)(?:\.|, or .*| or .*|, with .*|\. If it is new.*)$/m.exec(said)?.[1];
  return at === undefined || written === undefined ? undefined : args.with(at, written);
}
