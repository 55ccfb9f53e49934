import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeWhole } from "../../operations/stack/input";

describe("a file that a command writes", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "hermes-out-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is there as a whole, and nothing beside it", () => {
    writeWhole("--out", join(folder, "report.md"), "one");
    writeWhole("--out", join(folder, "report.md"), "two");
    expect([readdirSync(folder), readFileSync(join(folder, "report.md"), "utf8")]).toEqual([["report.md"], "two"]);
  });

  it("stays a device where it is one, such as /dev/stdout", () => {
    symlinkSync("/dev/null", join(folder, "device"));
    writeWhole("--out", join(folder, "device"), "text");
    expect([readdirSync(folder), lstatSync(join(folder, "device")).isSymbolicLink()]).toEqual([["device"], true]);
  });
});
