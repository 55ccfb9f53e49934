// Configuration in, hermes out.
import * as pulumi from "@pulumi/pulumi";
import { Hermes } from "./components";
import { loadCatalogue, planInput, readConfig, readSecrets, wantedOpenclaw, withPlainErrors } from "./config";
import { accountFrom } from "./digitalocean/account";
import { checkChain, loadModels, sayChain } from "./models";
import { plan, summary } from "./planner";
import { checkRelease, loadRelease, sayRelease } from "./releases";
import { findStrays, refuseStrays } from "./sweep";

export = async () =>
  withPlainErrors(async () => {
    const secrets = readSecrets();
    const account = accountFrom(process.env, new pulumi.Config("digitalocean"));
    const [catalogue, models, release, strays] = await Promise.all([
      loadCatalogue(),
      loadModels(pulumi.getStack()),
      loadRelease(pulumi.getStack(), wantedOpenclaw()),
      findStrays(account, secrets["deployKey"]),
    ]);
    const config = readConfig(catalogue, __dirname, (read) => [
      ...checkChain(read, models).problems,
      ...checkRelease(read, release).problems,
    ]);
    await sayChain(checkChain(config, models));
    await sayRelease(checkRelease(config, release));
    refuseStrays(strays);
    const chosen = plan(planInput(config), catalogue);
    if (pulumi.runtime.isDryRun()) await Promise.all(summary(chosen).map((line) => pulumi.log.info(line)));
    const hermes = new Hermes(config.stack, { config, plan: chosen, secrets, account });
    return hermes.outputs;
  });
