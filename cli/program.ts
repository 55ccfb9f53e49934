import { Command } from "commander";
import { version } from "../package.json";
import { addBackupCommands } from "./backup";
import { addDoctorCommand } from "./doctor";
import { refuseMissingValues } from "./flags";
import { addImageCommands } from "./image";
import { addInitCommand } from "./init";
import { addLocalCommands } from "./local";
import { addLogsCommand } from "./logs";
import { addPairCommands } from "./pair";
import { addPlanCommand } from "./plan";
import { addReportCommand } from "./report";
import { addRotateCommand } from "./rotate";
import { addSandboxCommands } from "./sandbox";
import { addSecretCommands } from "./secret";
import { addSshCommand } from "./ssh";
import { addStatusCommand } from "./status";
import { addSweepCommand } from "./sweep";
import { addTunnelCommand } from "./tunnel";
import { addUpCommand } from "./up";
import { addUpgradeCommand } from "./upgrade";

/** Every command. */
export function program(): Command {
  const hermes = new Command("hermes")
    .description("Set up, operate and repair a private OpenClaw gateway that Pulumi deploys.")
    .addHelpText(
      "after",
      "\nExit codes: 0 success, 1 invalid input, 2 usage, 3 unhealthy, 4 refused, 5 cloud or network failure, 130 interrupted.",
    )
    .version(version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "Show help for a command")
    .showHelpAfterError("Add --help to the command to see its arguments and options.")
    .hook("preAction", (_, command) => refuseMissingValues(command))
    .exitOverride();
  addInitCommand(hermes);
  addStatusCommand(hermes);
  addTunnelCommand(hermes);
  addDoctorCommand(hermes);
  addLogsCommand(hermes);
  addSshCommand(hermes);
  addPairCommands(hermes);
  addUpgradeCommand(hermes);
  addRotateCommand(hermes);
  addSecretCommands(hermes);
  addBackupCommands(hermes);
  addPlanCommand(hermes);
  addSweepCommand(hermes);
  addReportCommand(hermes);
  addUpCommand(hermes);
  addSandboxCommands(hermes);
  addImageCommands(hermes);
  addLocalCommands(hermes);
  return hermes;
}
