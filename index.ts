// Configuration in, hermes out.
import * as pulumi from "@pulumi/pulumi";
import { Hermes } from "./components";
import { loadCatalogue, planInput, readConfig, readSecrets, withPlainErrors } from "./config";
import { checkChain, loadModels, sayChain } from "./models";
import { plan, summary } from "./planner";

export = async () =>
  withPlainErrors(async () => {
    const [catalogue, models] = await Promise.all([loadCatalogue(), loadModels(pulumi.getStack())]);
    const config = readConfig(catalogue, __dirname, (read) => checkChain(read, models).problems);
    await sayChain(checkChain(config, models));
    const chosen = plan(planInput(config), catalogue);
    if (pulumi.runtime.isDryRun()) await Promise.all(summary(chosen).map((line) => pulumi.log.info(line)));
    const hermes = new Hermes(config.stack, { config, plan: chosen, secrets: readSecrets() });
    return hermes.outputs;
  });
