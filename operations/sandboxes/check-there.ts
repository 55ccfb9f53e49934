// Run by node in a process of its own: the rules of another commit's program, on a file that comes on standard input.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type * as Config from "../../config";

type Asked = Omit<Config.CheckContext, "workspace"> & { raw: Record<string, unknown> };

function check(folder: string, { raw, ...context }: Asked): Config.Problem[] {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { checkConfig, readWorkspace } = require(join(folder, "config")) as typeof Config;
  const workspace = (path: string): Config.Workspace => readWorkspace(folder, path, context.secrets);
  return checkConfig(raw, { ...context, workspace }).problems;
}

const problems = check(process.argv[2] ?? "", JSON.parse(readFileSync(0, "utf8")) as Asked);
process.stdout.write(JSON.stringify(problems));
