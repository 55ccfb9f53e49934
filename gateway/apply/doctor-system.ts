// The doctor's checks of the machine below hermes: units, disks, memory, time, updates.
import type { Check, Finding } from "./doctor-findings.ts";
import { changedAt, clock, DAY_SECONDS, day, fail, ok, output, properties, size, warn } from "./doctor-findings.ts";
import { contentOf } from "./bundle.ts";
import type { Host } from "./host.ts";
import { AGENT, AGENT_GUARD, AGENT_WORKSPACES, UNITS } from "./places.ts";
import { shown } from "./shown.ts";
import { readText } from "./text-file.ts";

/** The gateway's own unit is looked at together with its readiness. */
const WATCHED = [
  AGENT,
  AGENT_GUARD,
  AGENT_WORKSPACES,
  "hermes-volume.service",
  "hermes-nftables.service",
  "tailscaled.service",
  "ssh.service",
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
];

const unit =
  (name: string): Check =>
  async ({ host }) => {
    const wanted = "--property=LoadState,ActiveState,SubState,UnitFileState,Result";
    const {
      LoadState,
      ActiveState,
      SubState,
      UnitFileState = "",
      Result,
    } = properties(await output(host, "systemctl", ["show", name, wanted]));
    const log = `./hermes ssh journalctl -u ${name} -n 30`;
    if (LoadState !== "loaded")
      return fail(
        `${LoadState ?? "unknown to systemd"}`,
        "pulumi up; if it stays, raise hermes:bootstrapRevision (state on a volume stays; without one it is LOST)",
      );
    if (ActiveState !== "active")
      return fail(
        `${ActiveState} (${SubState}), last result ${Result}`,
        `${log}, then ./hermes ssh systemctl restart ${name}`,
      );
    // A unit without an [Install] section is "static": another one pulls it in.
    if (!["enabled", "enabled-runtime", "static", "alias"].includes(UnitFileState))
      return fail(`active, but ${UnitFileState}: it will not start at boot`, `./hermes ssh systemctl enable ${name}`);
    return ok(`${ActiveState}, ${UnitFileState}`);
  };

const failedUnits: Check = async ({ host }) => {
  const text = await output(host, "systemctl", ["list-units", "--state=failed", "--plain", "--no-legend", "--full"]);
  const names = text.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);
  // Told by the checks of their own.
  const others = names.filter((name) => !WATCHED.includes(name) && name !== "openclaw-gateway.service");
  if (others.length === 0) return ok("none besides");
  return warn(others.join(", "), `./hermes ssh systemctl status ${others[0]}; forget it: systemctl reset-failed`);
};

interface Mount {
  target: string;
  options: string;
}

async function mounts(host: Host): Promise<Mount[]> {
  const text = await output(host, "findmnt", ["--json", "--list", "--output=TARGET,OPTIONS"]);
  return (JSON.parse(text) as { filesystems: Mount[] }).filesystems;
}

/** Also as the mount has it; after an error of the disk "rw" is not the truth. */
const isWritable = (host: Host, mount: Mount): boolean =>
  mount.options.split(",").includes("rw") && host.disk(mount.target).writable;

/** Without a kill the gateway takes five minutes to stop on such a disk. */
const REMOUNT =
  "look for errors of the disk (./hermes ssh journalctl -k -p err); then ./hermes ssh systemctl kill --signal=KILL openclaw-gateway; ./hermes ssh systemctl reboot";

const root: Check = async ({ host }) => {
  const last = (await mounts(host)).filter(({ target }) => target === "/").at(-1);
  if (last === undefined) throw new Error("findmnt shows no root file system");
  return isWritable(host, last) ? ok("writable") : fail("the root file system is read-only", REMOUNT);
};

const volume: Check = async ({ host, applied }) => {
  const asserted = Object.entries(applied.config?.files ?? {})
    .filter(([path]) => path.startsWith(UNITS))
    .flatMap(([, file]) => [
      ...contentOf(file)
        .toString("utf8")
        .matchAll(/^AssertPathIsMountPoint=(.+)$/gm),
    ])
    .map((match) => match[1] ?? "");
  if (asserted.length === 0) return undefined;
  const found = await mounts(host);
  const wanted = [...new Set([...asserted, "/var/lib/tailscale"])];
  const last = (path: string) => found.filter(({ target }) => target === path).at(-1);
  const missing = wanted.filter((path) => last(path) === undefined);
  if (missing.length > 0)
    return fail(
      `not mounted: ${missing.join(", ")}`,
      "is the volume attached? pulumi up --refresh, then ./hermes ssh systemctl restart hermes-volume",
    );
  const readOnly = wanted.filter((path) => !isWritable(host, last(path) as Mount));
  if (readOnly.length > 0) return fail(`read-only: ${readOnly.join(", ")}`, REMOUNT);
  const isReserved =
    last(VOLUME_MOUNT)
      ?.options.split(",")
      .some((option) => /^resgid=[1-9]/.test(option)) === true;
  if (!isReserved)
    return warn(
      "mounted, writable; no space is reserved for the gateway, and an agent can fill it",
      "./hermes ssh systemctl restart hermes-workspaces hermes-agent",
    );
  return ok("mounted, writable; a part of it is the gateway's alone");
};

interface Space {
  target: string;
  bytes: number;
  free: number;
  inodes: number;
  freeInodes: number;
}

async function spaces(host: Host): Promise<Space[]> {
  const fields = "--output=target,size,avail,itotal,iavail";
  const text = await output(host, "df", ["--block-size=1", fields, "/", "/srv/hermes"]);
  const all = text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [target = "", ...numbers] = line.trim().split(/\s+/);
      const [bytes = 0, free = 0, inodes = 0, freeInodes = 0] = numbers.map(Number);
      return { target, bytes, free, inodes, freeInodes };
    });
  // Without a volume both are the root disk.
  return all.filter(({ target }, i) => all.findIndex((each) => each.target === target) === i);
}

const SPACE_FIX: Record<string, string> = {
  "/": "./hermes ssh du -xh --max-depth=2 / --threshold=100M; journalctl --vacuum-size=50M; old versions below /opt/openclaw; or a larger size",
  volume: "./hermes ssh du -xh --max-depth=3 /srv/hermes --threshold=50M; or raise hermes:volumeGiB",
};

const place = (target: string): string => (target === "/" ? "/" : "volume");

/** An upgrade installs a second OpenClaw beside the first, 0.7 GiB and as much again while it does. */
function spaceLevel({ target, bytes, free }: Space): Finding["level"] {
  const [low, none] = target === "/" ? [2 * 2 ** 30, 2 ** 29] : [bytes * 0.15, bytes * 0.05];
  return free < none ? "fail" : free < low ? "warn" : "ok";
}

/** Above the fifth at which the agents are stopped: guard-files.sh. */
const FEW_FILES = 0.25;

const inodeLevel = ({ inodes, freeInodes }: Space): Finding["level"] =>
  inodes === 0 ? "ok" : freeInodes < inodes * 0.03 ? "fail" : freeInodes < inodes * FEW_FILES ? "warn" : "ok";

const disk: Check = async ({ host }) => {
  const all = await spaces(host);
  const found = all
    .map(({ target, bytes, free }) => `${place(target)} ${size(free)} free of ${size(bytes)}`)
    .join(", ");
  return withCulprit(host, worst(found, all, spaceLevel), all, spaceLevel, "bytes");
};

const inodes: Check = async ({ host }) => {
  const all = (await spaces(host)).filter((space) => space.inodes > 0);
  const percent = ({ inodes, freeInodes }: Space) => Math.round((freeInodes / inodes) * 100);
  const found = all.map((space) => `${place(space.target)} ${percent(space)} % free`).join(", ");
  return withCulprit(host, worst(found, all, inodeLevel), all, inodeLevel, "files");
};

/** Names who takes the volume: agents' workspaces are on it. */
async function withCulprit(
  host: Host,
  finding: Finding,
  spaces: Space[],
  levelOf: (space: Space) => Finding["level"],
  by: "bytes" | "files",
): Promise<Finding> {
  const isFull = spaces.some((space) => place(space.target) === "volume" && levelOf(space) !== "ok");
  if (!isFull) return finding;
  const largest = await largestFolder(host, VOLUME_MOUNT, by);
  return largest === undefined ? finding : { ...finding, found: `${finding.found}; most of it in ${largest}` };
}

const VOLUME_MOUNT = "/srv/hermes";
/** Folders of a workspace, and one level of what agents make in them. */
const CULPRIT_DEPTH = 5;

/** Pure: of the output of `du --null`, the folder that is not explained by one folder in it. */
export function largestOf(du: string, top: string): { path: string; amount: number } | undefined {
  const all = du
    .split("\0")
    .map((line) => /^(\d+)\t(.*)$/s.exec(line))
    .flatMap((match) => (match === null ? [] : [{ amount: Number(match[1]), path: match[2] ?? "" }]));
  let found = all.find(({ path }) => path === top);
  for (;;) {
    const parent: typeof found = found;
    if (parent === undefined) return undefined;
    const inside = all.filter(
      ({ path }) => path.startsWith(`${parent.path}/`) && !path.slice(parent.path.length + 1).includes("/"),
    );
    const largest = inside.sort((a, b) => b.amount - a.amount)[0];
    if (largest === undefined || largest.amount * 2 < parent.amount) return parent;
    found = largest;
  }
}

/** du opens folder by folder, follows no link, and gets a minute: an agent chooses how much there is. */
async function largestFolder(host: Host, top: string, by: "bytes" | "files"): Promise<string | undefined> {
  const what = by === "files" ? ["--inodes"] : ["--block-size=1"];
  const args = ["--one-file-system", "--null", `--max-depth=${CULPRIT_DEPTH}`, ...what, "--", top];
  const { stdout } = await host.run("nice", ["du", ...args], { timeoutMs: 60_000 });
  // Empty when it took too long: the finding stands without it.
  const largest = largestOf(stdout, top);
  if (largest === undefined) return undefined;
  const { path, amount } = largest;
  return `${shown(path)} (${by === "files" ? `${amount} files` : size(amount)})`;
}

function worst(found: string, spaces: Space[], levelOf: (space: Space) => Finding["level"]): Finding {
  for (const level of ["fail", "warn"] as const) {
    const bad = spaces.find((space) => levelOf(space) === level);
    if (bad !== undefined) return { level, found, fix: SPACE_FIX[place(bad.target)] ?? "" };
  }
  return ok(found);
}

function memoryInfo(host: Host): (name: string) => number {
  const text = readText(host, "/proc/meminfo");
  if (text === undefined) throw new Error("/proc/meminfo is missing");
  return (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
}

const LARGER =
  "./hermes ssh systemd-cgtop -m -n 1 says who; fewer MCP servers, or a larger hermes:size (./hermes plan --sizes)";

const memory: Check = async ({ host }) => {
  const of = memoryInfo(host);
  const [total, available] = [of("MemTotal"), of("MemAvailable")];
  const found = `${size(available)} available of ${size(total)}`;
  if (available < total * 0.04) return fail(found, LARGER);
  return available < total * 0.1 ? warn(found, LARGER) : ok(found);
};

/** Swap in use is what it is for; swap that is nearly full ends with a killed process. */
const swap: Check = async ({ host }) => {
  const of = memoryInfo(host);
  const [total, free] = [of("SwapTotal"), of("SwapFree")];
  if (total === 0) return ok("none");
  const found = `${size(total - free)} of ${size(total)} in use`;
  if (free < total * 0.1) return fail(found, LARGER);
  return free < total * 0.4 ? warn(found, LARGER) : ok(found);
};

/** Said by the kernel, and by systemd for its units; both speak of the same kill. Nobody else is believed. */
const oom: Check = async ({ host }) => {
  const pattern = "Out of memory: Killed|Memory cgroup out of memory: Killed|killed by the OOM killer";
  const from = ["_TRANSPORT=kernel", "+", "_PID=1"];
  const args = ["--quiet", "--boot", "--output=short-iso", "--no-hostname", `--grep=${pattern}`, ...from];
  const { code, stdout, stderr } = await host.run("journalctl", args, { timeoutMs: 30_000 });
  const lines = stdout.split("\n").filter((line) => line.trim() !== "");
  // Without a match it ends with 1 and says nothing.
  if (code > 1 || (code === 1 && stderr.trim() !== ""))
    throw new Error(`journalctl ended with ${code}: ${stderr.trim()}`);
  const last = lines.at(-1);
  if (last === undefined) return ok("no kill since boot");
  const kernel = lines.filter((line) => line.includes("Killed process")).length;
  return warn(`${Math.max(kernel, lines.length - kernel)} kills since boot, the last: ${last.slice(0, 200)}`, LARGER);
};

const synchronised: Check = async ({ host }) => {
  const { NTP, NTPSynchronized } = properties(await output(host, "timedatectl", ["show"]));
  if (NTPSynchronized === "yes") return ok("synchronised");
  const why = NTP === "yes" ? "no answer from a time server yet" : "time synchronisation is off";
  return warn(
    `not synchronised: ${why}`,
    "./hermes ssh timedatectl set-ntp true; ./hermes ssh timedatectl timesync-status",
  );
};

/** Written now and then by a clock that was right: none may lie in the future. */
const WITNESSES = [
  "/var/lib/systemd/timesync/clock",
  "/var/lib/hermes/applied/config.json",
  "/var/lib/hermes/bootstrap.json",
  "/var/lib/openclaw/state/openclaw.sqlite",
];
const CLOCK_TOLERANCE_SECONDS = 120;

const time: Check = async ({ host }) => {
  const now = await clock(host);
  const newest = Math.max(...WITNESSES.map((path) => changedAt(host, path) ?? 0));
  if (now + CLOCK_TOLERANCE_SECONDS < newest)
    return fail(
      `the clock says ${new Date(now * 1000).toISOString()}, and there are files of ${new Date(newest * 1000).toISOString()}`,
      "./hermes ssh systemctl restart systemd-timesyncd; certificates and keys are refused until the time is right",
    );
  return ok(new Date(now * 1000).toISOString().replace(/\.\d+Z$/, "Z"));
};

const reboot: Check = async ({ host }) => {
  if (changedAt(host, "/run/reboot-required") === undefined) return ok("none needed");
  const packages = (readText(host, "/run/reboot-required.pkgs") ?? "").split("\n").filter((name) => name !== "");
  const list = [...new Set(packages)].join(", ");
  return warn(
    `needed${list === "" ? "" : ` by ${list}`}`,
    "./hermes ssh systemctl reboot (a minute; sessions and node stay)",
  );
};

const STAMPS = ["/var/lib/apt/periodic/unattended-upgrades-stamp", "/var/lib/apt/periodic/upgrade-stamp"];
/** They run daily at a random hour, and not while the machine is off. */
const LATE_DAYS = 3;

const updates: Check = async ({ host }) => {
  const last = Math.max(...STAMPS.map((path) => changedAt(host, path) ?? 0));
  const up = Number((readText(host, "/proc/uptime") ?? "0").split(" ")[0]);
  const fix = "./hermes ssh unattended-upgrade --debug; ./hermes ssh journalctl -u apt-daily-upgrade";
  if (last === 0) return up < LATE_DAYS * DAY_SECONDS ? ok("first run is to come") : warn("never ran", fix);
  if ((await clock(host)) - last > LATE_DAYS * DAY_SECONDS && up > DAY_SECONDS)
    return warn(`last ran ${day(last)}`, fix);
  return ok(`last ran ${day(last)}`);
};

export const SYSTEM_CHECKS: Record<string, Check> = {
  ...Object.fromEntries(WATCHED.map((name) => [`unit ${name.replace(/\.service$/, "")}`, unit(name)])),
  "failed units": failedUnits,
  "root disk": root,
  volume,
  "free space": disk,
  inodes,
  memory,
  swap,
  "oom kills": oom,
  "time server": synchronised,
  clock: time,
  reboot,
  updates,
};
