import { waitFor } from "../../localcloud/network";
import type { Machine } from "../../localcloud/vm";

const MIB = 1024 ** 2;
const HOG_MS = 600_000;
const AGENT_SSH =
  "setpriv --reuid=openclaw --regid=openclaw --init-groups ssh -p 2222 -i /etc/openclaw/agent-ssh/id_ed25519 " +
  "-o UserKnownHostsFile=/etc/openclaw/agent-ssh/known_hosts -o BatchMode=yes agent@127.0.0.1";

export interface Pids {
  gateway: string;
  sshd: string;
  tailscaled: string;
}

/** What the tests do to hermes in a machine, and see of it. */
export class Guest {
  constructor(private readonly machine: Machine) {}

  /** MiB, by /proc/meminfo; taken is what is not available. */
  async memory(): Promise<{ total: number; taken: number; swapFree: number }> {
    const text = await this.machine.on("cat /proc/meminfo");
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024;
    const [total, available, swapFree] = ["MemTotal", "MemAvailable", "SwapFree"].map(field) as [
      number,
      number,
      number,
    ];
    return { total: Math.floor(total), taken: Math.ceil(total - available), swapFree };
  }

  async startGateway(): Promise<void> {
    await this.machine.on("systemctl start openclaw-gateway", { timeoutMs: 300_000 });
  }

  /** MiB, what systemd says and the kernel has; they have to agree. */
  async limits(unit: string): Promise<{ max: number; swapMax: number }> {
    const group = `/sys/fs/cgroup/system.slice/${unit}.service`;
    const shown = `systemctl show --value -p MemoryMax -p MemorySwapMax ${unit}`;
    const lines = (await this.machine.on(`${shown}; cat ${group}/memory.max ${group}/memory.swap.max`)).split("\n");
    const [max, swapMax, kernelMax, kernelSwap] = lines.filter((line) => line !== "").map((line) => Number(line) / MIB);
    if (max !== kernelMax || swapMax !== kernelSwap) throw new Error(`${unit}: ${lines.join(" ")}`);
    return { max: max ?? NaN, swapMax: swapMax ?? NaN };
  }

  async pids(): Promise<Pids> {
    const main = (unit: string): Promise<string> => this.machine.on(`systemctl show --value -p MainPID ${unit}`);
    return { gateway: await main("openclaw-gateway"), sshd: await main("ssh"), tailscaled: await main("tailscaled") };
  }

  async oomScores() {
    const pids = await this.pids();
    const score = async (pid: string): Promise<number> =>
      Number(await this.machine.on(`cat /proc/${pid}/oom_score_adj`));
    return {
      mcp: await score(await this.mcpPid()),
      agentCommand: Number(await this.machine.on(`${AGENT_SSH} cat /proc/self/oom_score_adj`)),
      gateway: await score(pids.gateway),
      tailscaled: await score(pids.tailscaled),
      sshd: await score(pids.sshd),
    };
  }

  isReady(): Promise<boolean> {
    return this.machine
      .on("curl -s --max-time 20 http://127.0.0.1:18789/readyz")
      .then((body) => body.includes('"ready":true'))
      .catch(() => false);
  }

  /**
   * As the gateway starts an agent's command: until it was killed.
   *
   * @returns what the unit had at the end, MiB, and whether the kernel killed it.
   */
  async runAgentHog(): Promise<{ memoryMiB: number; swapMiB: number; killed: boolean }> {
    const group = "/sys/fs/cgroup/system.slice/hermes-agent.service";
    const figures = ["memory.current", "memory.swap.current"].map((name) => `${group}/${name}`);
    const hog = `${AGENT_SSH} python3 - </opt/hermes-vm/hog.py`;
    await this.machine.on(`systemd-run -q -u hog bash -c '${hog}'`);
    let last = { memoryMiB: 0, swapMiB: 0, killed: false };
    const over = async (): Promise<boolean> => {
      const lines = (await this.machine.on(`cat ${figures.join(" ")}; systemctl is-active hog || true`)).split("\n");
      const [memory = NaN, swap = NaN] = lines.map((line) => Number(line) / MIB);
      if (lines[2] !== "active") {
        last = { ...last, killed: true };
        return true;
      }
      last = { memoryMiB: Math.round(memory), swapMiB: Math.round(swap), killed: false };
      return false;
    };
    await waitFor("the end of what the hog gets", over, { timeoutMs: HOG_MS, everyMs: 2000 });
    await this.machine.exec("systemctl stop hog; pkill -KILL -u agent python3");
    return last;
  }

  async wakeMcpHog(): Promise<void> {
    const pid = await this.mcpPid();
    await this.machine.on(`kill -USR1 ${pid}`);
    const gone = async (): Promise<boolean> => (await this.machine.exec(`test -d /proc/${pid}`)).code === 1;
    await waitFor("the end of the MCP server", gone, { timeoutMs: HOG_MS, everyMs: 2000 });
  }

  async growGateway(): Promise<void> {
    await this.machine.on("touch /var/lib/openclaw/grow && chown openclaw: /var/lib/openclaw/grow");
  }

  /** The kernel's last word about a victim of a unit's own limit; empty when there was none. */
  killedIn(unit: string): Promise<string> {
    return this.machine.on(
      `dmesg | grep -A1 'oom-kill:constraint=CONSTRAINT_MEMCG.*/${unit}' | grep -o 'Killed process.*' | tail -1`,
    );
  }

  lastResult(): Promise<string> {
    return this.machine.on("journalctl -o cat -u openclaw-gateway _PID=1 -n 20");
  }

  private async mcpPid(): Promise<string> {
    const pids = await this.machine.on("pgrep -f '^/usr/bin/python3 /opt/hermes-vm/hog.py server'");
    return pids.split("\n")[0] ?? "";
  }
}
