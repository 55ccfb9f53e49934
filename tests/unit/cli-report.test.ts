import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildReport, exitOf } from "../../cli/report";
import { EXIT } from "../../lib/output";
import { LEVELS } from "../../operations/review";
import type { Pulumi } from "../../operations/review/build";
import { FOLDER } from "../fixtures/previews";

const recorded = (name: string): string => readFileSync(join(FOLDER, `${name}.json`), "utf8");
const STATE = JSON.stringify({ deployment: { resources: JSON.parse(recorded("states/full")) as unknown } });

/** A pulumi that answers by the beginning of its command line. */
function pulumiThat(answers: Record<string, { code?: number; stdout?: string; stderr?: string }>): {
  pulumi: Pulumi;
  asked: string[];
} {
  const asked: string[] = [];
  const pulumi: Pulumi = async (args) => {
    const line = args.join(" ");
    asked.push(line);
    const longest = Object.keys(answers)
      .filter((start) => line.startsWith(start))
      .sort((a, b) => b.length - a.length)[0];
    const { code = 0, stdout = "", stderr = "" } = answers[longest ?? ""] ?? { code: 1, stderr: `what is ${line}?` };
    return { code, stdout, stderr };
  };
  return { pulumi, asked };
}

const SOUL = {
  "preview --json": { stdout: recorded("soul") },
  "stack export": { stdout: STATE },
  "config get --path hermes:secrets": { stdout: JSON.stringify({ gatewayToken: "a-token-that-is-nowhere-in-it" }) },
};

describe("hermes report", () => {
  let dir: string;
  beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "hermes-report-"))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };

  it("previews the stack that is asked for, and reports what is there as well", async () => {
    const { pulumi, asked } = pulumiThat(SOUL);
    const { report, stack, notChecked } = await buildReport({ stack: "hermes" }, pulumi);
    expect(report.markdown).toBe(readFileSync(join(FOLDER, "soul.md"), "utf8"));
    expect({ stack, notChecked }).toEqual({ stack: "hermes", notChecked: [] });
    expect(asked.every((line) => line.includes("--stack hermes"))).toBe(true);
    expect(asked.some((line) => line.includes("--refresh"))).toBe(false);
  });

  it("looks for drift where it is asked to", async () => {
    const { pulumi } = pulumiThat({ ...SOUL, "preview --json --refresh": { stdout: recorded("drift.drift") } });
    const { report } = await buildReport({ drift: true }, pulumi);
    expect(report.verdict.line).toMatch(/^\*\*Exposed now\*\*/);
  });

  it("says why a preview failed, in pulumi's own words where there is no document", async () => {
    const failed = { code: 255, stdout: "", stderr: "error: get stack configuration: incorrect passphrase" };
    const { pulumi } = pulumiThat({ ...SOUL, "preview --json": failed });
    const { report } = await buildReport({ stack: "hermes" }, pulumi);
    expect(report.verdict.level).toBe("error");
    expect(report.markdown).toContain("incorrect passphrase");
  });

  it("refuses a report that would hold a secret of the stack, of the environment or of the caller, and names it only", async () => {
    const line = "Be brief on Telegram";
    const { pulumi } = pulumiThat({
      ...SOUL,
      "config get --path hermes:secrets": { stdout: JSON.stringify({ telegramBotToken: line }) },
    });
    const refused = async (options: Parameters<typeof buildReport>[0], with_: Pulumi): Promise<string> => {
      const error = await buildReport(options, with_).catch((each: Error & { code: number }) => each);
      expect(error).toMatchObject({ code: EXIT.refused });
      return (error as Error).message;
    };
    const message = await refused({}, pulumi);
    expect(message).toContain("telegramBotToken");
    expect(message).not.toContain(line);
    expect(await refused({ secrets: { forge: line } }, pulumiThat(SOUL).pulumi)).toContain("forge");
    process.env["HERMES_TEST_TOKEN"] = line;
    try {
      expect(await refused({}, pulumiThat(SOUL).pulumi)).toContain("HERMES_TEST_TOKEN");
    } finally {
      delete process.env["HERMES_TEST_TOKEN"];
    }
  });

  it("refuses a stack whose secrets it cannot read, but not one that has none", async () => {
    const with_ = (answer: object) => pulumiThat({ ...SOUL, "config get --path hermes:secrets": answer }).pulumi;
    await expect(buildReport({}, with_({ code: 1, stderr: "error: decrypting: no" }))).rejects.toMatchObject({
      code: EXIT.refused,
    });
    const none = with_({ code: 1, stderr: "error: configuration key 'hermes:secrets' not found for stack" });
    expect((await buildReport({}, none)).report.verdict.level).toBe("safe");
  });

  it("takes a preview from a file without any pulumi, and says what it could not look at", async () => {
    const { pulumi, asked } = pulumiThat({});
    const from = file("preview.json", `Previewing update (hermes)\n${recorded("soul")}`);
    const built = await buildReport({ from }, pulumi);
    expect(built.report.verdict.level).toBe("safe");
    expect(built.notChecked).toHaveLength(2);
    const whole = await buildReport({ from, state: file("state.json", STATE) }, pulumi);
    expect(whole.report.markdown).toBe(readFileSync(join(FOLDER, "soul.md"), "utf8"));
    expect(asked).toEqual([]);
  });

  it("takes no file that is something else, and no two ways at once", async () => {
    const code = (options: Parameters<typeof buildReport>[0]) =>
      buildReport(options, pulumiThat({}).pulumi).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
    expect(await code({ from: file("a.json", "[1, 2]") })).toBe(EXIT.input);
    expect(await code({ from: join(dir, "none.json") })).toBe(EXIT.input);
    expect(await code({ state: "state.json" })).toBe(EXIT.usage);
    expect(await code({ from: file("b.json", recorded("soul")), drift: true })).toBe(EXIT.usage);
  });

  it("ends with 0 for a change that is allowed, 3 for a preview that failed, 4 for what a policy or --fail-on refuses", () => {
    const codes = LEVELS.map((level) => exitOf({ level }));
    expect(codes).toEqual([0, 0, 0, 0, 0, EXIT.refused, EXIT.unhealthy]);
    expect(LEVELS.map((level) => exitOf({ level }, "replaces"))).toEqual([0, 0, 4, 4, 4, EXIT.refused, EXIT.unhealthy]);
  });
});
