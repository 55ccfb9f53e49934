import { refuseWrongFile, type FileCheck } from "../../operations/sandboxes/check";
import { sandboxFile } from "../../operations/sandboxes/file";
import { readSettings } from "../../operations/sandboxes/template";
import { shippedCatalogue } from "../../planner";
import { hermesStack, secrets } from "./config-fixture";

const stack = "sandbox-x";
const parent = {
  config: Object.fromEntries(Object.entries(hermesStack()).map(([key, value]) => [`hermes:${key}`, value])),
};
const lifetime = { expires: new Date("2026-12-01T00:00:00Z"), origin: "0123abcd" };

function refusal(set: Record<string, unknown>, options: FileCheck["options"]): string | undefined {
  const file = sandboxFile(parent, { of: "hermes", stack, lifetime, set });
  const own = secrets as Record<string, string>;
  try {
    refuseWrongFile({ stack, file, secrets: own, catalogue: shippedCatalogue(), options });
    return undefined;
  } catch (error) {
    expect((error as { code?: number }).code).toBe(1);
    return (error as Error).message;
  }
}

describe("a sandbox's file", () => {
  it("is one that the preview takes", () => {
    expect(refusal({}, {})).toBeUndefined();
  });

  it("is refused before there is a stack, in the words of the preview and by the option that was typed", () => {
    expect(refusal({ size: "s-1vcpu-1gb" }, { size: "--size" })).toMatch(
      /^The configuration of stack sandbox-x has one error; nothing was changed\.\n\n--size is "s-1vcpu-1gb": 1024 MiB do not carry/,
    );
    const set = readSettings(["regoin=nyc3"]);
    expect(refusal(set, { regoin: "--set regoin" })).toMatch(
      /--set regoin is not a key that hermes knows\.[^]*Rename it to hermes:region/,
    );
    expect(refusal({ "models.primary": "x" }, { "models.primary": "--set models.primary" })).toMatch(
      /--set models\.primary is "x"/,
    );
  });
});
