import { statSync } from "node:fs";
import { Refused } from "../../gateway/apply/bundle.ts";
import { authorise, becomeHost } from "../../gateway/apply/keys.ts";
import { Patient } from "../fixtures/apply-patient.ts";

let patient: Patient;
beforeEach(() => void (patient = new Patient()));
afterEach(() => patient.remove());

const FILE = "/root/.ssh/authorized_keys";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHOm3Zr8xFKE2cXl1Q4m6yFf2b1yVwzM0v7w8nD1kAaa";
const mode = (path: string) => (statSync(patient.host().path(path)).mode & 0o777).toString(8);

describe("a further key for root", () => {
  it("is added once, behind those that are there", () => {
    patient.write(FILE, "ssh-ed25519 AAAA old");
    expect(authorise(patient.host(), `${KEY}\n`)).toEqual({ ok: true, changed: true });
    expect(authorise(patient.host(), KEY)).toEqual({ ok: true, changed: false });
    expect(patient.read(FILE)).toBe(`ssh-ed25519 AAAA old\n${KEY}\n`);
    expect(mode(FILE)).toBe("600");
  });

  it("is one line of one kind: no options, no second key", () => {
    for (const odd of ["", `command="sh" ${KEY}`, `${KEY}\n${KEY}`, "ssh-rsa AAAA"])
      expect(() => authorise(patient.host(), odd)).toThrow(Refused);
  });
});

describe("another host key", () => {
  /** Only ssh-keygen reads it. */
  const key = "a private key";
  const kept = "/srv/hermes/ssh/ssh_host_ed25519_key";

  it("stands where sshd and the volume have it, and sshd takes it", async () => {
    const host = patient.host();
    patient.answer(`ssh-keygen -y -f ${host.path("/run/hermes-host-key")}`, `${KEY} comment\n`);
    patient.answer("systemctl reload-or-restart ssh.service", "");
    expect(await becomeHost(host, key)).toEqual({ ok: true, changed: true });
    for (const path of ["/etc/ssh/ssh_host_ed25519_key", kept]) {
      expect(patient.read(path)).toBe(`${key}\n`);
      expect(patient.read(`${path}.pub`)).toBe(`${KEY}\n`);
      expect(mode(path)).toBe("600");
    }
    expect(await becomeHost(host, key)).toEqual({ ok: true, changed: false });
  });

  it("that sshd could not read changes nothing", async () => {
    patient.answer(`ssh-keygen -y -f ${patient.host().path("/run/hermes-host-key")}`, "", 255);
    await expect(becomeHost(patient.host(), "nonsense")).rejects.toThrow(Refused);
    expect(patient.read(kept)).toBeUndefined();
  });
});
