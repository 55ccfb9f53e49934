import type { Command } from "commander";
import { fallbackWarning, gatewayStatus, mcpLine, mcpWarning } from "../gateway/status";
import { EXIT, table } from "../lib/output";
import { sshTarget, type StackOptions } from "../operations/stack/reach";
import { plain } from "../operations/stack/scrub";

export function addStatusCommand(hermes: Command): void {
  hermes
    .command("status")
    .description("Show gateway health")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--agent-turn", "also wait for an agent's answer")
    .option("--json", "one JSON document on stdout")
    .action(runStatus);
}

async function runStatus(options: StackOptions & { agentTurn?: boolean; json?: boolean }): Promise<void> {
  const { outputs, ...target } = await sshTarget(options);
  const report = await gatewayStatus(target, { agentTurn: options.agentTurn === true });
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ ...report, droplet: outputs.droplet, tailnet: outputs.tailnet })}\n`);
  } else {
    const turn = report.status?.agentTurn;
    const servers = report.status === undefined ? undefined : mcpLine(report.status);
    process.stdout.write(
      `${table([
        ["gateway", report.problem === undefined ? `ready, ${report.status?.version ?? "?"}` : "unhealthy"],
        ["tailnet", `${outputs.tailnet.name} (${outputs.tailnet.address})`],
        ["droplet", `${outputs.droplet.name}, ${outputs.droplet.size}, ${outputs.droplet.region}`],
        ...(turn === undefined
          ? []
          : ([["agent", `${turn.text ?? "no answer"} (${turn.model ?? "?"})`]] as [string, string][])),
        ...(servers === undefined ? [] : ([["mcp", plain(servers)]] as [string, string][])),
        ["tunnel", "./hermes tunnel"],
      ])}\n`,
    );
    const dead = report.status === undefined ? undefined : mcpWarning(report.status);
    const fallback = report.status === undefined ? undefined : fallbackWarning(report.status);
    if (report.problem !== undefined) process.stderr.write(`${report.problem}\n`);
    else for (const text of [fallback, dead]) if (text !== undefined) process.stderr.write(`warning: ${plain(text)}\n`);
  }
  if (report.problem !== undefined) process.exitCode = EXIT.unhealthy;
}
