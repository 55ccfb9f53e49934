import { accountFrom } from "../../lib/digitalocean/account";
import { CommandError, EXIT } from "../../lib/output";
import { HostKeyError } from "../../lib/ssh/host-key";
import { credentialsFrom, TailnetApi } from "../../lib/tailnet/api";
import { selected, type Reach, type StackOptions } from "../stack/reach";
import { plain, secretScrubber } from "../stack/scrub";
import { here, hermesApply, type Surroundings } from "../stack/surroundings";
import { checksText, fail, warn, worstFirst, type Check } from "./checks";
import { cloudChecks, declared } from "./cloud";
import { compareWithStack, dial, exposure, revision, type Dial, type Diagnosis } from "./outside";
import { tailnetCheck } from "./tailnet";

export interface DoctorOptions extends StackOptions {
  json?: boolean;
}

/** @returns 0 when no check failed (warnings may be), 3 when one did, 5 when the droplet could not be asked */
export async function runDoctor(
  options: DoctorOptions,
  io: Surroundings = here(),
  dials: Dial = dial,
): Promise<number> {
  const reach = await io.connect(options);
  const [inside, exposed, cloud, tailnetSide] = await Promise.all([
    onDroplet(reach),
    exposure(reach.outputs, dials),
    fromCloud(options, io),
    fromTailnet(reach, io),
  ]);
  const scrub = secretScrubber(reach.secrets);
  const checks = worstFirst([...inside.checks, exposed, ...cloud, ...tailnetSide]).map((check) =>
    cleaned(check, scrub),
  );
  const healthy = checks.every(({ level }) => level !== "fail");
  const { droplet, tailnet } = reach.outputs;
  io.stdout.write(
    options.json === true
      ? `${JSON.stringify({ ok: healthy, droplet, tailnet, checks })}\n`
      : `${checksText(checks)}\n\n${summary(checks)}\n`,
  );
  return inside.code ?? (healthy ? EXIT.ok : EXIT.unhealthy);
}

/** Among its checks are two probes of MCP servers that are late: see PROBE_MS in gateway/apply/mcp-probe.ts. */
const DOCTOR_MS = 420_000;

/** The droplet's own word. One that can't be reached is a finding among the others. */
async function onDroplet(reach: Reach): Promise<{ checks: Check[]; code?: number }> {
  try {
    const diagnosis = await hermesApply<Diagnosis & { error?: string }>(reach, "doctor", { timeoutMs: DOCTOR_MS });
    if (!Array.isArray(diagnosis.checks))
      return {
        checks: [
          fail("droplet", diagnosis.error ?? "no diagnosis", "./hermes logs --unit bootstrap, then pulumi up"),
          revision(reach.outputs),
        ],
      };
    return { checks: [...diagnosis.checks, ...compareWithStack(reach.outputs, diagnosis, Date.now() / 1000)] };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const lost = error.code === EXIT.cloud;
    if (error.cause instanceof HostKeyError) {
      const { found, ways } = error.cause;
      return { checks: [fail("host key", found, ways.join(" ")), revision(reach.outputs)], code: EXIT.cloud };
    }
    const fix = lost
      ? "is this machine on the tailnet (tailscale status), or its address in hermes:adminCidrs (access: ssh), and the droplet on? else raise hermes:bootstrapRevision by one (a new droplet: state on a volume stays, with hermes:volumeGiB 0 it is LOST)"
      : "pulumi up";
    return {
      checks: [fail("droplet", error.message, fix), revision(reach.outputs)],
      ...(lost ? { code: EXIT.cloud } : {}),
    };
  }
}

async function fromCloud(options: StackOptions, io: Surroundings): Promise<Check[]> {
  const account = accountFrom(io.env);
  if (account === undefined) {
    io.stderr.write("DigitalOcean's side was not looked at: there is no DIGITALOCEAN_TOKEN\n");
    return [];
  }
  const state = declared(await io.pulumi(["stack", "export", ...selected(options)]));
  if (state === undefined) return [warn("cloud", "the stack's state has no droplet or no firewall", "pulumi up")];
  return await cloudChecks(state, account);
}

async function fromTailnet({ outputs }: Reach, io: Surroundings): Promise<Check[]> {
  let credentials;
  try {
    credentials = credentialsFrom(io.env);
  } catch (error) {
    io.stderr.write(`the tailnet's side was not looked at: ${(error as Error).message}\n`);
    return [];
  }
  return [await tailnetCheck(outputs, new TailnetApi(credentials))];
}

const cleaned = ({ name, level, found, fix }: Check, scrub: (text: string) => string): Check => ({
  name: plain(name),
  level,
  found: plain(scrub(found)),
  ...(fix === undefined ? {} : { fix: plain(scrub(fix)) }),
});

function summary(checks: Check[]): string {
  const count = (level: Check["level"]) => checks.filter((check) => check.level === level).length;
  return `${checks.length} checks: ${count("fail")} failed, ${count("warn")} to look at, ${count("ok")} well`;
}
