import type { Command } from "commander";
import { runDoctor, type DoctorOptions } from "../operations/doctor";

export function addDoctorCommand(hermes: Command): void {
  hermes
    .command("doctor")
    .description("Diagnose problems on the droplet and from outside, and show how to fix them")
    .option("--stack <name>", "name of the stack; default: the selected one")
    .option("--json", "one JSON document on stdout")
    .action(async (options: DoctorOptions) => void (process.exitCode = await runDoctor(options)));
}
