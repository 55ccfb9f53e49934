import { sharedLab } from "../support/labs";
import { succeeded } from "../support/project-copy";

const project = sharedLab();

const JOURNAL = "/var/lib/hermes/transaction/journal.json";
const SOUL = "workspace/main/SOUL.md";

/** A workspace file, openclaw.json and the gateway's own token: swapped together, and the gateway restarted. */
async function edit(round: number): Promise<void> {
  project.write(SOUL, `You are hermes of round ${round}.\n`);
  const token = `gateway-token-number-${round}-of-more-than-32-characters`;
  const model = ["google/gemma-4-26b-a4b-it:free", "nvidia/nemotron-3-ultra-550b-a55b:free"][round % 2] ?? "";
  await project.setSecret("gatewayToken", token);
  await project.setConfig("hermes:agents.main.model", `openrouter/${model}`, "--plaintext");
}

/** Waits on the droplet for a moment of the activation. The pids of hermes-apply itself are those that have its lock. */
const MOMENTS: Record<string, string> = {
  "before it has changed anything": '[ -n "$(holders)" ]',
  "with the journal written": `[ -e ${JOURNAL} ]`,
  "with the gateway stopped or starting": `[ -e ${JOURNAL} ] && [ "$(systemctl is-active openclaw-gateway)" != active ]`,
};

const atMoment = (condition: string, then: string): Promise<string> =>
  project.droplet(`
    holders() {
      find /proc/[0-9]*/fd -lname /run/hermes/apply.lock 2>/dev/null | cut -d / -f 3 | sort -u |
        while read -r pid; do
          ! tr '\\0' ' ' <"/proc/$pid/cmdline" | grep -q 'main.ts activate' || echo "$pid"
        done
    }
    until ${condition}; do [ "$SECONDS" -lt 300 ] || exit 1; sleep 0.02; done
    ${then}`);

const onDroplet = async () => ({
  soul: await project.droplet("cat /var/lib/openclaw/workspaces/main/SOUL.md"),
  journal: await project.droplet(`ls ${JOURNAL} 2>/dev/null || true`),
  token: await project.droplet("cat /etc/openclaw/secrets/gatewayToken"),
});

async function goesThrough(round: number): Promise<void> {
  succeeded(await project.up());
  await project.gatewayReady();
  expect(await onDroplet()).toEqual({
    soul: `You are hermes of round ${round}.`,
    journal: "",
    token: expect.stringContaining(`number-${round}-`),
  });
}

describe("hermes-apply, killed alone", () => {
  it.each(Object.entries(MOMENTS).map(([when, condition], index) => [when, condition, index + 1] as const))(
    "%s, puts everything back by itself, and the next up goes through",
    async (_when, condition, round) => {
      const before = await onDroplet();
      await edit(round);
      const up = project.up();
      await atMoment(condition, "kill -9 $(holders)");
      const { code, stdout, stderr } = await up;
      expect(code).not.toBe(0);
      expect(stdout + stderr).toContain("was ended by SIGKILL");
      await project.gatewayReady();
      expect(await onDroplet()).toEqual(before);
      await goesThrough(round);
    },
  );
});

describe("a power cut in the middle of an activation", () => {
  it("leaves a droplet that comes up as it was, by itself, and the next up goes through", async () => {
    const before = await onDroplet();
    await edit(9);
    const up = project.up();
    // Stopped, so that the activation cannot finish before the power goes: the stand-in OpenClaw restarts in a moment.
    await atMoment(MOMENTS["with the journal written"] ?? "", "kill -STOP $(holders)");
    const id = project.dropletId;
    const ask = `curl -sf -X POST -H "Authorization: Bearer $DIGITALOCEAN_TOKEN" -H 'Content-Type: application/json' \
      -d '{"type":"power_cycle"}' "$DIGITALOCEAN_API_URL/v2/droplets/${id}/actions"`;
    expect((await project.exec(["sh", "-c", ask])).code).toBe(0);
    expect((await up).code).not.toBe(0);
    await project.gatewayReady();
    expect(await onDroplet()).toEqual(before);
    expect(await project.droplet("systemctl show --property Result --value hermes-recover")).toBe("success");
    await goesThrough(9);
  });
});
