import { backupName, backupTime, expired, isRecipient } from "../../gateway/apply/backup-names";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { backup, LAST_BACKUP } from "../../gateway/apply/backup";
import { deliver } from "../../gateway/apply/deliver";
import { LOCK_BUSY } from "../../gateway/apply/lock";
import { BACKUP_LOCK, PENDING, UPLOAD } from "../../gateway/apply/places";
import { stateFault } from "../../gateway/apply/restore";
import { failureCode, GAVE_UP, RETRIES } from "../../gateway/apply/retry";
import { BucketError, curlConfig, isPassing, persistently } from "../../gateway/apply/s3";
import { compareVersions, type Schemas } from "../../gateway/apply/versions";
import { Machine } from "../fixtures/apply-machine";

describe("names of backups", () => {
  it("are in the order of their times, and say them", () => {
    const name = backupName(new Date("2026-11-23T03:15:07.123Z"));
    expect(name).toBe("hermes-2026-11-23T031507Z.tar.age");
    expect(backupTime(name)).toBe(Date.parse("2026-11-23T03:15:07Z"));
    expect(backupTime("hermes-2026-11-23T031507Z.tar.age; rm -rf /")).toBeUndefined();
  });

  it("keep the newest, and what is somebody else's", () => {
    const names = [1, 2, 3].map((day) => backupName(new Date(Date.UTC(2026, 0, day))));
    expect(expired([...names].reverse(), 2)).toEqual([names[0]]);
    expect(expired(names, 0)).toEqual(names.slice(0, 2));
    expect(expired(["notes.txt", ...names], 3)).toEqual([]);
  });
});

describe("a recipient", () => {
  const recipient = "age1e7kyr42glc42q9zwna7k2hplklncuz0cn4rltxmgs78jpxjh5sfqfczrdr";

  it("is a public key, and never the other half", () => {
    expect(isRecipient(recipient)).toBe(true);
    expect(isRecipient(`${recipient} --output /etc/passwd`)).toBe(false);
    expect(isRecipient(`AGE-SECRET-KEY-1${"Q".repeat(58)}`)).toBe(false);
  });
});

describe("versions of OpenClaw", () => {
  it.each([
    ["2026.9.6", "2026.9.6", 0],
    ["2026.9.10", "2026.9.6", 1],
    ["2026.9.6", "2027.1.1", -1],
    ["2026.9.6-2", "2026.9.6", 1],
    ["2026.10.1-beta.2", "2026.10.1", -1],
    ["2026.10.1-beta.2", "2026.10.1-beta.10", -1],
    ["2026.10.1-beta.2", "2026.10.1-alpha.3", 1],
    ["2026.10.1-beta.2", "2026.9.6-2", 1],
  ])("%s against %s: %d", (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
});

describe("a backup's state", () => {
  const fault = (backup: object | undefined, here: object | undefined, versions = ["2026.9.5", "2026.9.4"]) =>
    stateFault(
      { openclaw: versions[0] ?? "", schemas: backup as Schemas | undefined },
      { openclaw: versions[1] ?? "", schemas: here as Schemas | undefined },
    );

  it("is read by an OpenClaw that reads its formats, whatever the numbers of the versions", () => {
    expect(fault({ state: 15, agent: 19 }, { state: 15, agent: 19 }, ["2026.9.2", "2026.8.2"])).toBeUndefined();
    expect(fault({ state: 17, agent: 21 }, { state: 17, agent: 19 })).toMatch(
      /format 17, agents 21.*format 17, agents 19.*runs here/,
    );
  });

  it("is judged by the versions where the formats cannot be told", () => {
    expect(fault(undefined, { state: 17, agent: 19 })).toMatch(/2026\.9\.5, and 2026\.9\.4 runs here/);
    expect(fault(undefined, undefined, ["2026.10.1-beta.2", "2026.10.1"])).toBeUndefined();
  });
});

describe("a bucket", () => {
  const failing = (...errors: Error[]) => {
    const paused: number[] = [];
    const work = () => {
      const error = errors.shift();
      return error === undefined ? Promise.resolve("stored") : Promise.reject(error);
    };
    const pause = (seconds: number) => Promise.resolve(paused.push(seconds));
    return { paused, ended: persistently(work, pause).catch((error: Error) => error.message) };
  };
  const passing = () => new BucketError("503 SlowDown", true);

  it("is asked again, after longer and longer pauses, where that may help", async () => {
    const { paused, ended } = failing(passing(), passing(), passing());
    expect([await ended, paused]).toEqual(["stored", [1, 5, 25]]);
  });

  it("is asked four times at most, and once where it says no", async () => {
    expect(await failing(...Array.from({ length: 9 }, passing)).ended).toBe("503 SlowDown");
    const refused = failing(new BucketError("403 AccessDenied"));
    expect([await refused.ended, refused.paused]).toEqual(["403 AccessDenied", []]);
    expect([0, 408, 429, 500, 503, 403, 404].map(isPassing)).toEqual([true, true, true, true, true, false, false]);
  });
});

describe("a backup on its way into the bucket", () => {
  const HOUR = 3_600_000;
  const machine = new Machine();
  const host = machine.host();
  afterAll(() => machine.remove());
  let made = 0;
  let sent: string[] = [];
  let down = false;
  const run = (now: number, { retry = false, recipient = "age1a" } = {}) =>
    deliver(host, {
      recipient,
      now,
      retry,
      make: () => {
        const name = `backup-${++made}`;
        machine.write(`/var/lib/hermes/upload/${name}`, name);
        return Promise.resolve({
          name,
          path: `/var/lib/hermes/upload/${name}`,
          bytes: 8,
          sha256: "x",
          files: 1,
          openclaw: "1",
        });
      },
      store: (backup) => {
        if (down) return Promise.reject(new Error("no answer"));
        sent.push(machine.read(backup.path) ?? "");
        return Promise.resolve();
      },
    }).then(
      ({ made, earlier }) => [made.name, ...(earlier === undefined ? [] : [`after ${earlier}`])].join(" "),
      (error: Error) => error.message,
    );
  const waiting = () =>
    existsSync(host.path(PENDING)) ? readdirSync(host.path(PENDING)).filter((name) => name !== "backup.json") : [];
  beforeEach(() => {
    [made, sent, down] = [0, [], false];
  });

  it("stays until it is stored, and is sent by the retry", async () => {
    down = true;
    expect([await run(0), waiting()]).toEqual(["no answer", ["backup-1"]]);
    down = false;
    expect([await run(HOUR / 3, { retry: true }), sent, waiting()]).toEqual(["backup-1", ["backup-1"], []]);
  });

  it("is never the only one that a person or the timer gets, who asked for a new one", async () => {
    down = true;
    await run(0);
    down = false;
    expect([await run(1), sent, waiting()]).toEqual(["backup-2 after backup-1", ["backup-1", "backup-2"], []]);
  });

  it("is followed by a new one when it is an hour old at the retry", async () => {
    down = true;
    await run(0);
    down = false;
    expect(await run(HOUR, { retry: true })).toBe("backup-2 after backup-1");
  });

  it("goes before the next night's, and gives way to it while the bucket is down", async () => {
    down = true;
    await run(0);
    expect([await run(24 * HOUR), waiting()]).toEqual(["no answer", ["backup-2"]]);
    down = false;
    expect([await run(48 * HOUR), sent, waiting()]).toEqual(["backup-3 after backup-2", ["backup-2", "backup-3"], []]);
  });

  it("is made anew for another key", async () => {
    down = true;
    await run(0);
    down = false;
    expect([await run(1, { retry: true, recipient: "age1b" }), sent]).toEqual(["backup-2", ["backup-2"]]);
  });
});

describe("a backup that the bucket has", () => {
  const NAME = "hermes-2026-11-23T031507Z.tar.age";

  /** One run of hermes-backup.service against a bucket that answers like that. */
  async function delivered(answer: RequestListener) {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const machine = new Machine();
    try {
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const target = { endpoint, region: "r", bucket: "b", prefix: "hermes/", keep: 1, recipient: "age1a" };
      machine.write("/etc/hermes/backup.json", JSON.stringify(target));
      for (const name of ["backupS3KeyId", "backupS3Secret"]) machine.write(`/etc/openclaw/secrets/${name}`, name);
      const path = `${UPLOAD}/${NAME}`;
      machine.write(path, "encrypted");
      const made = { ok: true, name: NAME, path, bytes: 9, sha256: "x", files: 1, openclaw: "1.0.0" };
      const host = { ...machine.host(), run: async () => ({ code: 0, stdout: JSON.stringify(made), stderr: "" }) };
      const reply = await backup(host, ["bucket"]);
      return { reply, noted: JSON.parse(machine.read(LAST_BACKUP) ?? "{}") as object };
    } finally {
      machine.remove();
      server.close();
    }
  }

  it("is no failure when older ones cannot be removed, which a retry would make and send again", async () => {
    const { reply, noted } = await delivered((request, response) => {
      request.resume();
      if (request.method === "GET") response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
      else response.writeHead(200, { "content-length": request.method === "HEAD" ? 9 : 0 }).end();
    });
    expect(reply).toMatchObject({ ok: true, name: NAME, removed: [], unpruned: expect.stringMatching(/^GET .*403/) });
    expect(noted).toEqual({ name: NAME, unpruned: expect.stringMatching(/AccessDenied/) });
  });
});

describe("hermes-backup.service", () => {
  const text = readFileSync(join(__dirname, "../../gateway/files/hermes-backup.service"), "utf8");
  const setting = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1];

  it("starts at each of the timer's times, however many there are", () => {
    expect(text).not.toMatch(/^StartLimit/m);
  });

  it("is retried every 20 minutes, eight times, and not after that", () => {
    expect(["Restart", "RestartSec", "RestartPreventExitStatus"].map(setting)).toEqual([
      "on-failure",
      "20min",
      String(GAVE_UP),
    ]);
    const codes = Array.from({ length: RETRIES + 2 }, (_, retry) => failureCode(retry));
    expect(codes).toEqual([...Array.from({ length: 8 }, () => 1), GAVE_UP, GAVE_UP]);
    expect([0, 1, 2, 3, LOCK_BUSY]).not.toContain(GAVE_UP);
    expect(setting("ExecStart")).toMatch(/ backup bucket --timer$/);
  });

  it("does nothing in a ninth retry, which only a killed attempt brings about", async () => {
    const machine = new Machine();
    try {
      machine.gateway.restarts = RETRIES + 1;
      await expect(backup(machine.host(), ["bucket", "--timer"])).rejects.toThrow(/8 retries failed/);
      // The eighth goes on, and so does a person's, to where this machine has no bucket.
      await expect(backup(machine.host(), ["bucket"])).rejects.toThrow(/no bucket/);
      machine.gateway.restarts = RETRIES;
      await expect(backup(machine.host(), ["bucket", "--timer"])).rejects.toThrow(/no bucket/);
    } finally {
      machine.remove();
    }
  });

  it("removes no file of a backup that a person has started since", () => {
    expect(setting("ExecStopPost")).toBe(`-/usr/bin/flock --nonblock ${BACKUP_LOCK} /usr/bin/rm -rf ${UPLOAD}`);
  });
});

describe("what curl is told", () => {
  const bucket = { endpoint: "https://s3.example/", region: "r", bucket: "b", keyId: "id", secret: 'very "secret\\' };

  it("is the address, encoded and sorted as it is signed", () => {
    const told = curlConfig(bucket, { method: "GET", key: "a b/c", query: { prefix: "x/", "list-type": "2" } });
    expect(told).toContain('url = "https://s3.example/b/a%20b/c?list-type=2&prefix=x%2F"\n');
    expect(told).toContain('aws-sigv4 = "aws:amz:r:s3"\n');
  });

  it("ends no line within a value", () => {
    const told = curlConfig({ ...bucket, region: "r\noutput = /etc/passwd" }, { method: "GET", key: "" });
    expect(told).toContain('user = "id:very \\"secret\\\\"\n');
    expect(told).not.toMatch(/^output/m);
  });
});
