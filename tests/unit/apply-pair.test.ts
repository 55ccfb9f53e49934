import { pair } from "../../gateway/apply/pair.ts";
import { Patient, TOKEN } from "../fixtures/apply-patient.ts";

let patient: Patient;
beforeEach(async () => {
  patient = new Patient();
  await patient.healthy();
});
afterEach(() => patient.remove());

const openclaw = (args: string, stdout: string, code = 0) => patient.answer(`openclaw ${args}`, stdout, code);
const waiting = (...codes: string[]) =>
  openclaw(
    "pairing list telegram --json",
    `warning\n${JSON.stringify({ requests: codes.map((code) => ({ code, id: "42" })) })}`,
  );
const run = (...args: string[]) => pair(patient.host(), args);

describe("pairing", () => {
  it("lists who waits, in the gateway's account and whatever else is printed", async () => {
    waiting("ABCD2345");
    expect(await run("list", "telegram")).toEqual({ ok: true, requests: [{ code: "ABCD2345", id: "42" }] });
  });

  it("approves one that waits, however the code is typed", async () => {
    waiting("ABCD2345");
    openclaw("pairing approve telegram ABCD2345", "Approved");
    expect(await run("approve", "telegram", "abcd2345")).toEqual({ ok: true });
  });

  it("refuses a code that nobody waits with, without asking for its approval", async () => {
    waiting("ABCD2345");
    expect(await run("approve", "telegram", "WXYZ2345")).toMatchObject({ ok: false });
    expect(patient.calls.join("\n")).not.toContain("approve");
  });

  it("takes OpenClaw's failure for what it is: the approval is stored, or it is not", async () => {
    waiting("ABCD2345");
    openclaw("pairing approve", `cannot write openclaw.json with ${TOKEN}`, 1);
    const refused = await run("approve", "telegram", "ABCD2345");
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining("[secret gatewayToken]") as string });
    const host = patient.host();
    const approving = {
      ...host,
      run: async (command: string, args: string[]) => {
        const result = await host.run(command, args);
        if (args.includes("approve")) waiting();
        return result;
      },
    };
    expect(await pair(approving, ["approve", "telegram", "ABCD2345"])).toEqual({ ok: true });
  });

  it("shows no part of a secret where OpenClaw's words are cut", async () => {
    openclaw("pairing list telegram --json", `${TOKEN}${"y".repeat(490)}`, 1);
    const { error = "" } = await run("list", "telegram");
    expect(error).toContain("yyy");
    expect(error).not.toContain(TOKEN.slice(-6));
  });

  it("shows devices without their tokens", async () => {
    const device = { deviceId: "d", clientId: "control-ui", tokens: [{ token: "t" }], publicKey: "k" };
    openclaw("devices list --json", JSON.stringify({ pending: [], paired: [device] }));
    expect(await run("devices")).toEqual({
      ok: true,
      pending: [],
      paired: [{ deviceId: "d", clientId: "control-ui" }],
    });
  });

  it.each([["list"], ["list", "a b"], ["approve", "telegram"], ["approve", "telegram", "A;B12"], ["devices", "x"], []])(
    "takes no %p %p %p",
    async (...args) => {
      await expect(run(...args)).rejects.toThrow(/^usage/);
    },
  );
});
