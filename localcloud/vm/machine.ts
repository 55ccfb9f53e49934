import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, statfsSync, mkdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { run, tryRun, waitFor, type RunResult } from "../network/run";
import { removeAbandoned, type VmImage } from "./image";

/** How a guest's processor is made: by the machine's own (fast), or in software (10 to 20 times slower). */
export type Accelerator = "kvm" | "tcg";

export interface MachineOptions {
  /** Nominal memory, MiB. */
  memoryMiB: number;
  vcpus: number;
  say: (text: string) => void;
}

const GIB = 1024 ** 3;
/** Image 3 GiB while it is built, what a run writes to its disks (4 GiB of swap included) 6 GiB. */
const DISK_NEEDED_GIB = 10;
const MEMORY_BESIDE_MIB = 1536;

/** Why no machine of this size can run here, with what to do about it; undefined where it can. */
export function missingVmRequirement(cache: string, memoryMiB: number): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64")
    return "the machine is an x86-64 one, made by QEMU on Linux: run this on Linux, x64";
  if (process.getuid?.() !== 0) return "building the machine's disk needs root: run it as root in a throw-away machine";
  mkdirSync(cache, { recursive: true });
  const { bavail, bsize } = statfsSync(cache);
  const freeGiB = Math.floor((bavail * bsize) / GIB);
  if (freeGiB < DISK_NEEDED_GIB)
    return `${cache} has ${freeGiB} GiB free, ${DISK_NEEDED_GIB} are needed: free some, or set XDG_CACHE_HOME`;
  const available = Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) / 1024;
  const needed = memoryMiB + MEMORY_BESIDE_MIB;
  if (available < needed)
    return `${Math.floor(available)} MiB of memory are available, a ${memoryMiB} MiB machine needs ${needed} here`;
  return undefined;
}

/** A virtual machine that ends with this process, whatever ends it. Commands reach it by SSH, as root. */
export class Machine {
  private constructor(
    readonly accelerator: Accelerator,
    private readonly folder: string,
    private readonly port: number,
    private readonly qemu: ChildProcess,
    private readonly connection: ChildProcess,
  ) {}

  /**
   * Boots with KVM where that works, else with TCG. A KVM that is there and broken, as in many nested machines, is
   * found out by a boot that goes wrong.
   *
   * @param cache the cache directory of a lab, for what lives as long as the machine.
   */
  static async boot(cache: string, image: VmImage, options: MachineOptions): Promise<Machine> {
    const folder = join(cache, "vm");
    await removeAbandoned(folder);
    const runFolder = mkdtempSync(join(folder, `run-${process.pid}-`));
    try {
      await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(runFolder, "key")]);
      if (existsSync("/dev/kvm")) {
        const machine = await start("kvm", runFolder, image, options).catch((error: Error) => {
          options.say(`KVM does not work here: ${error.message.split("\n")[0]}`);
        });
        if (machine !== undefined) return new Machine("kvm", runFolder, ...machine);
      }
      return new Machine("tcg", runFolder, ...(await start("tcg", runFolder, image, options)));
    } catch (error) {
      await run(["rm", "--recursive", "--force", runFolder]);
      throw error;
    }
  }

  /** Runs a shell script as root, to its end or for as long as given (exit status 124). */
  exec(script: string, options: { input?: string; timeoutMs?: number } = {}): Promise<RunResult> {
    const seconds = Math.ceil((options.timeoutMs ?? 120_000) / 1000);
    const ssh = sshCommand(this.folder, this.port);
    // ssh hands its arguments to a shell; quoted, the script is one word there.
    const quoted = `'${script.replaceAll("'", `'\\''`)}'`;
    const command = ["timeout", String(seconds), ...ssh, "root@127.0.0.1", `bash -c ${quoted}`];
    return tryRun(command, { input: options.input ?? "" });
  }

  /** Standard output of a script, trimmed. Rejects when it fails. */
  async on(script: string, options: { input?: string; timeoutMs?: number } = {}): Promise<string> {
    const { code, stdout, stderr } = await this.exec(script, options);
    if (code !== 0) throw new Error(`in the machine, ${script.slice(0, 200)}: exit status ${code}: ${stderr.trim()}`);
    return stdout.trim();
  }

  /** What the machine wrote to its console: the kernel's log among it. */
  console(): string {
    return readFileSync(consoleOf(this.folder), "utf8");
  }

  /** Pulls the plug; nothing stays. */
  async stop(): Promise<void> {
    for (const child of [this.connection, this.qemu]) await end(child);
    await run(["rm", "--recursive", "--force", this.folder]);
  }
}

const consoleOf = (folder: string): string => join(folder, "console.log");

async function start(
  accelerator: Accelerator,
  folder: string,
  image: VmImage,
  options: MachineOptions,
): Promise<[number, ChildProcess, ChildProcess]> {
  const began = Date.now();
  options.say(`booting a ${options.memoryMiB} MiB machine (${accelerator === "kvm" ? "KVM" : "TCG, software"})`);
  const port = await freePort();
  const qemu = startTied(qemuCommand(accelerator, folder, image, port, options), folder, `qemu-${accelerator}.log`);
  const complaint = (): string => readFileSync(join(folder, `qemu-${accelerator}.log`), "utf8").trim();
  let connection: ChildProcess | undefined;
  try {
    // A guest that works has said something by then; a broken KVM has not, or says so itself.
    const alive = (): boolean => {
      if (qemu.exitCode !== null || qemu.signalCode !== null) throw new Error(`QEMU ended: ${complaint()}`);
      if (/KVM internal error/.test(complaint())) throw new Error(complaint());
      return existsSync(consoleOf(folder)) && readFileSync(consoleOf(folder), "utf8").includes("Linux version");
    };
    await waitFor("the kernel's first words", alive, { timeoutMs: 30_000, everyMs: 200 });
    const sshd = async (): Promise<boolean> =>
      alive() && (await tryRun(["timeout", "20", ...sshCommand(folder, port), "root@127.0.0.1", "true"])).code === 0;
    await waitFor("SSH", sshd, { timeoutMs: 600_000, everyMs: 1000 });
    const master = [...sshCommand(folder, port), "-M", "-N", "root@127.0.0.1"];
    connection = startTied(master, folder, "ssh.log");
    await waitFor("the shared connection", () => existsSync(join(folder, "ssh")), { timeoutMs: 60_000 });
  } catch (error) {
    if (connection !== undefined) await end(connection);
    await end(qemu);
    throw error;
  }
  options.say(`booted in ${Math.round((Date.now() - began) / 1000)} s`);
  return [port, qemu, connection];
}

/** Starts a program that the kernel ends when this process is gone. */
function startTied(command: string[], folder: string, log: string): ChildProcess {
  const out = openSync(join(folder, log), "a", 0o600);
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], { stdio: ["ignore", out, out] });
  closeSync(out);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

function qemuCommand(
  accelerator: Accelerator,
  folder: string,
  image: VmImage,
  port: number,
  { memoryMiB, vcpus }: MachineOptions,
): string[] {
  // TCG of QEMU 7.2 gets cmpxchg16b wrong, and kernel 6.12 falls over it.
  const processor =
    accelerator === "kvm"
      ? ["-accel", "kvm", "-cpu", "host", "-smp", String(vcpus)]
      : ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "Haswell-v4,-cx16", "-smp", String(Math.max(2, vcpus))];
  const key = readFileSync(join(folder, "key.pub")).toString("base64");
  const append = [
    "root=LABEL=cloudimg-rootfs rw console=ttyS0 panic=-1 mitigations=off",
    `systemd.set_credential_binary=ssh.authorized_keys.root:${key}`,
  ];
  // snapshot: what is written goes to a file without a name, gone with the process.
  const disk = (file: string): string[] => ["-drive", `file=${file},if=virtio,format=raw,snapshot=on`];
  return [
    ...["qemu-system-x86_64", "-machine", "q35", ...processor, "-m", String(memoryMiB)],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", `file:${consoleOf(folder)}`],
    ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", append.join(" ")],
    ...disk(image.disk),
    ...disk(image.swap),
    ...["-nic", `user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:${port}-:22`],
  ];
}

function sshCommand(folder: string, port: number): string[] {
  const options = {
    ControlPath: join(folder, "ssh"),
    StrictHostKeyChecking: "no",
    UserKnownHostsFile: "/dev/null",
    LogLevel: "ERROR",
    BatchMode: "yes",
    ConnectTimeout: "15",
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["ssh", "-F", "none", "-i", join(folder, "key"), "-p", String(port), ...flags];
}

/** A port of loopback that nobody had a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
