import { readByYaml11 } from "../../config/yaml";
import { editDistance, nearest } from "../../lib/nearest";

describe("text that YAML 1.1 reads as something else", () => {
  it.each(
    "y Y yes Yes NO on Off true FALSE ~ null 0 010 0o17 0x1F 0b11 1_000 1.5 .5 1. 1e3 +1 12:30 1:30:00 .inf .NaN 2026-09-25 <<"
      .split(" ")
      .concat(""),
  )("is found: %j", (text) => expect(readByYaml11(text)).toBeDefined());

  it.each(["main", "one", "no1", "on-call", "v1", "2026.9.6", "x10", "a1b2", "_", "true-north", "nyc3", "1st"])(
    "is not suspected in %s",
    (text) => expect(readByYaml11(text)).toBeUndefined(),
  );
});

describe("the nearest name", () => {
  it("is told for a slip and not for another word", () => {
    expect(nearest("regoin", ["region", "size"])).toBe("region");
    expect(nearest("OpenRouterApiKey", ["openrouterApiKey"])).toBe("openrouterApiKey");
    expect(nearest("banana", ["region", "size"])).toBeUndefined();
    expect(editDistance("kitten", "sitting")).toBe(3);
  });
});
