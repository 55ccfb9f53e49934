import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { holderOf, lockOf, prepareLock, runLocked } from "../../gateway/apply/lock.ts";
import { BACKUP_LOCK, LOCK } from "../../gateway/apply/places.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "hermes-lock-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("the lock of hermes-apply", () => {
  it("lies in a folder that only root may enter, also where the folder was open", () => {
    prepareLock(join(folder, "new/apply.lock"));
    expect(modeOf(join(folder, "new"))).toBe("700");
    mkdirSync(join(folder, "open"), { mode: 0o755 });
    prepareLock(join(folder, "open/apply.lock"));
    expect(modeOf(join(folder, "open"))).toBe("700");
    expect(LOCK).toMatch(/^\/run\/hermes\/[^/]+$/);
  });

  it("names the process that holds it", async () => {
    const lock = join(folder, "apply.lock");
    const holder = spawn("flock", ["--no-fork", lock, "sh", "-c", "echo held; exec sleep 300"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      await once(holder.stdout, "data");
      expect(spawnSync("flock", ["--nonblock", lock, "true"]).status).not.toBe(0);
      expect(holderOf(lock)).toBe(`process ${holder.pid} (sleep 300)`);
    } finally {
      const ended = once(holder, "close");
      holder.kill();
      await ended;
    }
    expect(holderOf(lock)).toBe("a process that has ended since");
  });

  it("is one of its own for what sends backups, by hand and by the timer, and none for what only looks", () => {
    const lock = (verbs: string): string | undefined => lockOf(verbs.split(" "));
    expect(["backup bucket", "backup bucket --timer"].map(lock)).toEqual([BACKUP_LOCK, BACKUP_LOCK]);
    expect(["backup stage age1a", "backup clean", "activate"].map(lock)).toEqual([LOCK, LOCK, LOCK]);
    expect(["status --agent-turn", "doctor"].map(lock)).toEqual([undefined, undefined]);
    expect(dirname(BACKUP_LOCK)).toBe(dirname(LOCK));
  });

  it("lets a second run in when the first has ended, and names the first until then", async () => {
    const lock = join(folder, "backup.lock");
    const first = spawn("flock", ["--no-fork", lock, "sh", "-c", "echo held; exec sleep 300"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const second = () => runLocked(lock, ["sh", "-c", `test "$HERMES_APPLY_LOCKED" = 1 && exit 3`], 0);
    try {
      await once(first.stdout, "data");
      expect(second).toThrow(`is still running after 0 s: process ${first.pid} (sleep 300). Run the command again`);
    } finally {
      const ended = once(first, "close");
      first.kill();
      await ended;
    }
    expect(second()).toEqual({ status: 3, signal: null });
  });

  it("does not name who waits for it, nor who holds another file's", () => {
    const { ino } = statSync(folder);
    const locks = [
      `1: FLOCK  ADVISORY  WRITE 11 00:1a:${ino}1 0 EOF`,
      `2: POSIX  ADVISORY  WRITE 12 00:1a:${ino} 0 EOF`,
      `3: FLOCK  ADVISORY  WRITE 999999999 00:1a:${ino} 0 EOF`,
      `3: -> FLOCK  ADVISORY  WRITE 14 00:1a:${ino} 0 EOF`,
    ];
    expect(holderOf(folder, locks.join("\n"))).toBe("process 999999999");
  });
});
