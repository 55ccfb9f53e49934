import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import type { Config } from "./config";

const hash32 = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);

/** Where an agent's tools work in the other account: OpenClaw names the folder by these hashes. */
function workspaceOf(config: Config, agent: string): string {
  const scope = `agent:${agent}:workspace:${hash32(config.agents.entries[agent]?.workspace ?? "")}`;
  return `${config.agents.defaults.sandbox.ssh.workspaceRoot}/openclaw-ssh-workspace-${hash32(scope)}/workspace`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;

/** Runs a command by the ssh sandbox; resolves with what the model gets to read. */
export function execInSandbox(config: Config, agent: string, command: string, signal: AbortSignal): Promise<string> {
  const { ssh } = config.agents.defaults.sandbox;
  const [, account = "", host = "", port = "22"] = /^([^@]+)@(.+?)(?::(\d+))?$/.exec(ssh.target) ?? [];
  const options = [
    ...["-F", "none", "-T", "-i", ssh.identityFile, "-p", port, "-l", account],
    ...["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"],
    ...["-o", `UserKnownHostsFile=${ssh.knownHostsFile}`, "-o", "GlobalKnownHostsFile=none", "-o", "UpdateHostKeys=no"],
  ];
  const remote = `cd ${quoted(workspaceOf(config, agent))} && exec /bin/sh -c ${quoted(command)}`;
  const child = spawn(ssh.command, [...options, host, remote], { stdio: ["ignore", "pipe", "pipe"], signal });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const end = code === 0 ? "" : `\n\n(Command exited with code ${code})`;
      resolve(`${said.trimEnd() || "(no output)"}${end}`);
    });
  });
}
