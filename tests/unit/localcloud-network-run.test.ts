import { tryRun } from "../../localcloud/network/run";

describe("a program that is run", () => {
  it("ends with its output and exit status", async () => {
    await expect(tryRun(["sh", "-c", "cat; echo odd >&2; exit 3"], { input: "in" })).resolves.toEqual({
      code: 3,
      stdout: "in",
      stderr: "odd\n",
    });
  });

  it("is named when it is not there", async () => {
    await expect(tryRun(["hermes-no-such-program"], { wake: true })).rejects.toThrow("is not installed");
  });

  it("is woken where it stops itself, when that is wanted", async () => {
    const { stdout } = await tryRun(["sh", "-c", "kill -STOP $$; echo woken"], { wake: true });
    expect(stdout).toBe("woken\n");
  });
});
