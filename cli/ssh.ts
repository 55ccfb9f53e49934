import type { Command } from "commander";
import { shellOverSsh, streamOverSsh } from "../lib/ssh/stream";
import type { StackOptions } from "../operations/stack/reach";
import { ScrubbedLines, secretScrubber } from "../operations/stack/scrub";
import { asCloudFailure, here, type Surroundings } from "../operations/stack/surroundings";

export function addSshCommand(hermes: Command): void {
  // So that the options of what runs on the droplet are its own.
  hermes.enablePositionalOptions();
  hermes
    .command("ssh")
    .description(
      "Open a root shell on the droplet, or run one command; exits with its code, or 5 if the connection fails",
    )
    .argument("[command...]", "joined by spaces and run by the droplet's shell, as with ssh")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .passThroughOptions()
    .action(async (command: string[], options: StackOptions) => {
      process.exitCode = await runSsh(command, options);
    });
}

/** The key stays in this process's memory: no file, no agent. @returns the exit code */
export async function runSsh(command: string[], options: StackOptions, io: Surroundings = here()): Promise<number> {
  const reach = await io.connect(options);
  const { stdin, stdout, stderr } = io;
  if (command.length === 0 && stdin.isTTY === true && stdout.isTTY === true) {
    const terminal = { input: stdin, output: stdout, kind: io.env["TERM"] ?? "xterm" };
    return await shellOverSsh(reach, terminal).catch(asCloudFailure);
  }
  const scrub = secretScrubber(reach.secrets);
  const out = new ScrubbedLines(scrub, (data) => void stdout.write(data));
  const err = new ScrubbedLines(scrub, (data) => void stderr.write(data));
  try {
    return await streamOverSsh(reach, command.length === 0 ? "bash -s" : command.join(" "), {
      stdin,
      onStdout: (data) => out.push(data),
      onStderr: (data) => err.push(data),
      signal: io.interrupted(),
    }).catch(asCloudFailure);
  } finally {
    out.end();
    err.end();
  }
}
