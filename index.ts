// Configuration in, hermes out.
import { Hermes } from "./components";
import { loadCatalogue, planInput, readConfig, readSecrets, withPlainErrors } from "./config";
import { checkModels } from "./models";
import { plan } from "./planner";

export = async () =>
  withPlainErrors(async () => {
    const catalogue = await loadCatalogue();
    const config = readConfig(catalogue, __dirname);
    await checkModels(config);
    const hermes = new Hermes(config.stack, {
      config,
      plan: plan(planInput(config), catalogue),
      secrets: readSecrets(),
    });
    return hermes.outputs;
  });
