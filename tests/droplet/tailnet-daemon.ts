/** What the lab's daemon does for the tailnet, alone: DNS and control server in the lab's namespace. Says "ready". */
import { labOf } from "../../localcloud/lab";
import { startServices } from "../../localcloud/services";
import { startTailnet } from "../../localcloud/tailnet";

async function main(): Promise<void> {
  const [project = "", instance = ""] = process.argv.slice(2);
  const lab = labOf(project, instance);
  const services = await startServices(lab);
  const tailnet = await startTailnet(lab);
  process.on("SIGTERM", () => {
    void Promise.all([tailnet.stop(), services.stop()]).then(() => process.exit(0));
  });
  console.log("ready");
}

main().catch((error: Error) => {
  console.error(error);
  process.exit(1);
});
