import { asRoot } from "../support/engine";
import type { Case, Kind } from "../torture/cases";
import { cleanRun, runCase, type Clean, type Result } from "../torture/course";

jest.setTimeout(1_200_000);

/** `npm run torture` has all cases; these are the ones that cost money or trust. */

asRoot("an up that was struck", () => {
  let clean: Clean;
  beforeAll(async () => {
    clean = await cleanRun({ act: "up", stack: "bare" });
  });

  const struck = (kind: Kind, name: string): Promise<Result> => {
    const each: Case = { id: "test", act: "up", stack: "bare", kind, call: { name, nth: 1 } };
    return runCase(each, clean.end);
  };

  it("is not green when a lost reply made a second droplet, and ends with one after a sweep", async () => {
    const result = await struck("dropped after", "digitalocean POST /v2/droplets");
    expect(result).toMatchObject({ ok: true, struck: true, green: false, differences: [] });
    expect(result.moves).toEqual(["sweep", "up --replace"]);
  });

  it("goes on after a power cut, by what its own messages say", async () => {
    const result = await struck("kill", "digitalocean POST /v2/account/keys");
    expect(result).toMatchObject({ ok: true, struck: true, differences: [] });
    expect(result.moves).toEqual(["up", "cancel", "up", "sweep", "up", "refresh"]);
  });

  it("does on the droplet again what it may have done, when the connection is lost meanwhile", async () => {
    const result = await struck("dropped after", "ssh hermes-apply activate");
    expect(result).toMatchObject({ ok: true, struck: true, green: false, differences: [] });
    expect(result.moves).toEqual(["up"]);
  });
});
