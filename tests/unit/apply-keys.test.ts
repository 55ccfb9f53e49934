import { statSync } from "node:fs";
import { Refused } from "../../gateway/apply/bundle.ts";
import { authorise } from "../../gateway/apply/keys.ts";
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
