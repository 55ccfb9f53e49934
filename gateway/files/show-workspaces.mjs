// show-workspaces.mjs: shows the agents' account the workspaces listed in /etc/hermes-agent/workspaces ("FOLDER AGENT" per
// line). A workspace's files belong to the gateway's account on disk; the mount shows them as the agents' own (and writes
// theirs as the gateway's), so both read and write the same files, whatever their mode, and backups see one owner.
//
// The gateway's account owns every folder on the way, and may put a link in the place of one at any moment. Root therefore
// opens each folder by name in its parent's descriptor, without following links, and mounts the descriptor.
// Exit status: 0 done, 1 failed, reason on stderr.
import { spawnSync } from "node:child_process";
import { closeSync, constants, fchownSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync } from "node:fs";

const LIST = "/etc/hermes-agent/workspaces";
const STATE = "/var/lib/openclaw";
const SHOWN = "/run/hermes-agent";
const GATEWAY = "openclaw";
const AGENT = "agent";

const FOLDER = constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_RDONLY;
const inside = (folder, name) => `/proc/self/fd/${folder}/${name}`;

/** Number of an account, which is also its group's. */
function numberOf(account) {
  const { stdout } = spawnSync("id", ["-u", account], { encoding: "utf8" });
  const number = Number(stdout);
  if (stdout === "" || !Number.isInteger(number)) throw new Error(`the account ${account} does not exist`);
  return number;
}

/** A descriptor of a folder in another, which is made, or made anew, if it is not a folder. */
function folderIn(parent, name, owner) {
  try {
    return openSync(inside(parent, name), FOLDER);
  } catch (error) {
    if (error.code !== "ENOENT") setAside(parent, name, error);
  }
  mkdirSync(inside(parent, name), { mode: 0o700 });
  const made = openSync(inside(parent, name), FOLDER);
  // Only what root has just made: another folder may be in its place by now.
  if (fstatSync(made).uid === 0) fchownSync(made, owner, owner);
  return made;
}

/** What is in a folder's place is kept beside it. */
function setAside(parent, name, error) {
  if (!["ELOOP", "ENOTDIR"].includes(error.code)) throw error;
  const kept = `${name}.set-aside-${Date.now()}`;
  renameSync(inside(parent, name), inside(parent, kept));
  console.error(`${STATE}/…/${name} is not a folder; it was renamed to ${kept}`);
}

function show(folder, at, { gateway, agent }) {
  mkdirSync(at, { recursive: true, mode: 0o755 });
  const idmap = `X-mount.idmap=u:${gateway}:${agent}:1 g:${gateway}:${agent}:1`;
  // The path is the descriptor's, which mount must not resolve to a name again.
  const args = ["--no-canonicalize", "--bind", "-o", `nosuid,nodev,${idmap}`, "/proc/self/fd/3", at];
  const { status, error } = spawnSync("mount", args, { stdio: ["ignore", "inherit", "inherit", folder] });
  if (status !== 0) throw new Error(`${at} could not be mounted${error === undefined ? "" : `: ${error.message}`}`);
}

function main() {
  const numbers = { gateway: numberOf(GATEWAY), agent: numberOf(AGENT) };
  const state = openSync(STATE, FOLDER);
  const workspaces = folderIn(state, "workspaces", numbers.gateway);
  const rows = readFileSync(LIST, "utf8").split("\n");
  for (const [folder, name] of rows.map((row) => row.split(" ")).filter((row) => row.length === 2)) {
    const workspace = folderIn(workspaces, name, numbers.gateway);
    show(workspace, `${SHOWN}/${folder}/workspace`, numbers);
    closeSync(workspace);
  }
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
