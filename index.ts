// Configuration in, hermes out.
import * as pulumi from "@pulumi/pulumi";
import { Hermes } from "./components";
import {
  endWithEngine,
  failUnlessFinished,
  loadCatalogue,
  planInput,
  readConfig,
  readSecrets,
  wantedOpenclaw,
  withPlainErrors,
} from "./config";
import { accountFrom } from "./lib/digitalocean/account";
import {
  checkChain,
  checkRelease,
  loadModels,
  loadRelease,
  refuseLockout,
  sayChain,
  sayChanges,
  sayRelease,
} from "./operations/preflight";
import { alone, refuseMoved, refuseShared, refuseStrays, restoreBotTags, straysIn, survey } from "./operations/sweep";
import { plan, summary } from "./planner";
import { closedGate, policyOf } from "./policy/gate";

endWithEngine();
const finishWith = failUnlessFinished();
const openGate = closedGate();

export = async () =>
  withPlainErrors(async () => {
    const secrets = readSecrets();
    const account = accountFrom(process.env, new pulumi.Config("digitalocean"));
    const [catalogue, models, release, seen] = await Promise.all([
      loadCatalogue(),
      loadModels(pulumi.getStack()),
      loadRelease(pulumi.getStack(), wantedOpenclaw()),
      survey(account, secrets["deployKey"]),
    ]);
    const config = readConfig(catalogue, __dirname, (read) => [
      ...checkChain(read, models).problems,
      ...checkRelease(read, release).problems,
    ]);
    await sayChain(checkChain(config, models));
    await sayRelease(checkRelease(config, release));
    refuseMoved(seen);
    refuseStrays(straysIn(seen));
    await refuseShared(seen, config.tailnet);
    await restoreBotTags(account, seen);
    const chosen = plan(planInput(config), catalogue);
    if (pulumi.runtime.isDryRun()) await Promise.all(summary(chosen).map((line) => pulumi.log.info(line)));
    await sayChanges(seen, { config, chosen, catalogue });
    const whenSilent = await refuseLockout(seen, config, secrets);
    openGate(await policyOf(config, { catalogue, models, secrets }));
    const hermes = new Hermes(config.stack, {
      ...{ config, plan: chosen, secrets, account, whenSilent },
      soleDroplet: (id) => alone(account, id),
    });
    finishWith(hermes.outputs);
    return hermes.outputs;
  });
