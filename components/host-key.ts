import { join, relative } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { endProgram } from "../config/report";
import { shownKey, type Adoption } from "../lib/ssh/adopt";
import { addressOf, type SshTarget } from "../lib/ssh/connection";
import { isExpected, wrongKey } from "../lib/ssh/host-key";
import { publicKeyOf } from "../lib/ssh/public-key";
import { after } from "./after";

export interface HostKeyArgs {
  /** Address that this machine reaches the droplet at. */
  host: pulumi.Input<string>;
  /** A new droplet has to prove itself again. */
  dropletId: pulumi.Input<string>;
  /** OpenSSH private key of root. */
  privateKey: pulumi.Output<string>;
  /** OpenSSH private key that the droplet is to prove itself by. */
  hostKey: pulumi.Output<string>;
  /** What a droplet that does not have that key yet proves itself by. */
  tailnetKey: pulumi.Output<string>;
  /** What to end with where the host does not answer; absent: it may be restarting. */
  whenSilent?: string | undefined;
}

/** The project, as seen from the program: a whole path would stand in the state. */
const HERE = relative(process.cwd(), join(__dirname, "..")) || ".";
const COMMAND = "node lib/ssh/main.js host-key";

/** The droplet's SSH identity: exists once the droplet shows the stack's host key. Nothing secret is sent before. */
export class HostKey extends pulumi.ComponentResource {
  /** OpenSSH public key line. */
  readonly publicKey: pulumi.Output<string>;
  /** Where it is, once that is known to be the droplet. */
  readonly host: pulumi.Output<string>;

  constructor(name: string, args: HostKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("hermes:index:HostKey", name, {}, opts);
    const { host, privateKey, hostKey, tailnetKey } = args;
    const adoption = pulumi
      .all([host, privateKey, hostKey, tailnetKey])
      .apply(([at, login, own, key]) =>
        JSON.stringify({ host: at, privateKey: login, hostKey: own, tailnetKey: key } satisfies Adoption),
      );
    const adopted = new command.local.Command(
      `${name}-host-key`,
      {
        create: COMMAND,
        // The proof counts once for each droplet: a spent tailnet key is no longer guarded as a secret is.
        update: `${COMMAND} --known`,
        stdin: pulumi.secret(adoption),
        dir: HERE,
        triggers: [args.dropletId],
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      { parent: this, ...after(opts) },
    );
    this.publicKey = pulumi.unsecret(hostKey.apply(publicKeyOf));
    const { publicKey } = this;
    this.host = pulumi.unsecret(
      pulumi.all([host, privateKey, publicKey, adopted.id]).apply(async ([at, login, expected]) => {
        await refuseStranger({ host: at, privateKey: login, hostKey: expected }, args.whenSilent);
        return at;
      }),
    );
    this.registerOutputs({ publicKey });
  }
}

/**
 * At every `up`, before any command logs in: each of them would refuse a stranger too, after twenty attempts and in words
 * that help nobody. A host that does not answer is their matter, since the droplet may be restarting, unless it is known why.
 */
async function refuseStranger(target: SshTarget, whenSilent: string | undefined): Promise<void> {
  if (pulumi.runtime.isDryRun() || process.env["HERMES_SKIP_CHECK"] === "1") return;
  const shown = await shownKey(target).catch((error: Error) => error);
  if (shown instanceof Error && whenSilent !== undefined) return void (await endProgram(whenSilent));
  if (shown instanceof Error || (shown !== undefined && isExpected(target.hostKey, shown))) return;
  await endProgram(wrongKey(addressOf(target), target.hostKey, shown).message);
}
