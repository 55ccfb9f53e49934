// What `hermes init` was asked, by the rules of the configuration: whole and before anything is written.
import { readAccess } from "../../config/access";
import { checkNames, readTelegram } from "../../config/check";
import { formatProblems, type Problem } from "../../config/problem";
import { Reader } from "../../config/reader";
import { asMap } from "../../lib/maps";
import { stackName } from "../../lib/names";
import { nearest } from "../../lib/nearest";
import { CommandError, EXIT } from "../../lib/output";

export interface InitOptions {
  stack: string;
  access?: string;
  adminCidr?: string[];
  telegramOwner?: string;
  rotate?: string[];
  json?: boolean;
}

type Config = Record<string, unknown>;

/** Secrets of a stack that `hermes init` makes or asks for. */
export function wantedSecrets(options: Pick<InitOptions, "telegramOwner">, config: Config): string[] {
  // The engine fills in the default, a map without a key.
  const hasTelegram = options.telegramOwner !== undefined || Object.keys(asMap(config["hermes:telegram"])).length > 0;
  return [
    ...["openrouterApiKey", "gatewayToken", "deployKey", "hostKey"],
    ...(hasTelegram ? ["telegramBotToken"] : []),
  ];
}

/** What is wrong whatever the stack says. @throws CommandError */
export function checkFlags(options: InitOptions): void {
  const reader = new Reader();
  checkNames(reader, stackName(options.stack));
  if (options.telegramOwner !== undefined) readTelegram(reader, { ownerId: options.telegramOwner });
  if (options.access !== undefined || options.adminCidr !== undefined)
    // Addresses without a mode go with the mode of the stack, which is not known yet.
    readAccess(reader, options.access ?? "ssh", options.adminCidr);
  // The stack may have addresses of its own.
  const isOwn = ({ key, found }: Problem): boolean => !(key === "hermes:adminCidrs" && found === undefined);
  refuse(options, reader.problems.filter(isOwn));
}

/** What is wrong together with what the stack says already. @throws CommandError */
export function checkInit(options: InitOptions, config: Config): void {
  const reader = new Reader();
  const cidrs = withFlags(config["hermes:adminCidrs"], options.adminCidr);
  if (options.access !== undefined || options.adminCidr !== undefined)
    readAccess(reader, options.access ?? config["hermes:access"], cidrs);
  const wanted = wantedSecrets(options, config);
  for (const name of options.rotate ?? []) checkRotated(reader, name, wanted);
  refuse(options, reader.problems);
}

/** Flags are written over the first entries of the list. */
function withFlags(list: unknown, flags: readonly string[] = []): unknown {
  const entries: unknown[] = Array.isArray(list) ? (list as unknown[]) : [];
  return [...flags, ...entries.slice(flags.length)];
}

function checkRotated(reader: Reader, name: string, wanted: readonly string[]): void {
  if (wanted.includes(name)) return;
  const allowed = `./hermes init makes or asks for these secrets of this stack: ${wanted.join(", ")}.`;
  reader.reject(
    "--rotate",
    name,
    "the stack has no such secret, so nothing would be rotated",
    allowed,
    fixOf(name, wanted),
  );
}

function fixOf(name: string, wanted: readonly string[]): string {
  if (name === "backupKey")
    return "Leave backupKey: existing backups can be read with it only. A new one: docs/backup.md.";
  const meant = nearest(name, wanted);
  return meant === undefined
    ? `For a secret of your own: pulumi config set --secret --path 'hermes:secrets.NAME'.`
    : `Write --rotate ${meant}.`;
}

const FLAGS: readonly [RegExp, string][] = [
  [/^hermes:access$/, "--access"],
  [/^hermes:adminCidrs(?=\[|$)/, "--admin-cidr"],
  [/^hermes:telegram\.ownerId$/, "--telegram-owner"],
  [/^the stack's name$/, "--stack"],
];

function refuse({ stack }: InitOptions, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const told = problems.map((problem) => {
    const [pattern, flag] = FLAGS.find(([each]) => each.test(problem.key)) ?? [];
    if (pattern === undefined || flag === undefined) return problem;
    const key = problem.key.replace(pattern, flag);
    // Elsewhere the stack exists, and is renamed.
    return flag === "--stack" ? { ...problem, key, fix: "Write another name." } : { ...problem, key };
  });
  throw new CommandError(formatProblems(stackName(stack), told), EXIT.input);
}
