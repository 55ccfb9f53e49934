import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "../../cli/up";
import { EXIT, type CommandError } from "../../lib/output";
import type { PreviewDigest, Report } from "../../operations/review";
import { planDigest } from "../../operations/review/digest";
import { ForgeApi, markerOf, reviewIn, sealKey } from "../../operations/review/forge";
import { postDrift, postReport, type PostSurroundings } from "../../operations/review/post";
import { GithubStandIn } from "../fixtures/github-api";

const HEAD = "a".repeat(40);
const SECRETS = {
  "hermes:secrets.mcpToken": 'a*b_c`d`"e"\nsecond line of the secret & <more>',
  "hermes:secrets.deployKey": "ключ-🔑-секрет",
};
const PREVIEW: PreviewDigest = { steps: [{ op: "create", urn: "urn:pulumi:hermes::hermes::t::n" }] };
const CALLER = { login: "github-actions[bot]", job: true } as const;

/** Without the marker. */
const textOf = (body = ""): string => body.split("\n").slice(1).join("\n");

describe("posting a report", () => {
  let github: GithubStandIn;
  let dir: string;
  const said: string[] = [];
  beforeEach(async () => {
    github = await GithubStandIn.start();
    dir = mkdtempSync(join(tmpdir(), "hermes-post-"));
    said.length = 0;
    const permissions = { contents: "read", "pull-requests": "write", statuses: "write", issues: "write" } as const;
    github.callers.set("job", { ...CALLER, permissions });
    github.pulls.push({ number: 7, head: HEAD });
  });
  afterEach(async () => {
    await github.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const report = (markdown: string, level: Report["verdict"]["level"] = "safe"): Report => ({
    markdown,
    verdict: { level, line: `**${level}**` },
  });
  const event = (from: string) => ({
    pull_request: {
      number: 7,
      head: { sha: HEAD, repo: { full_name: from } },
      base: { repo: { full_name: "ada/hermes" } },
    },
  });
  function surroundings(
    made: Partial<Awaited<ReturnType<PostSurroundings["build"]>>>,
    from = "ada/hermes",
  ): PostSurroundings {
    writeFileSync(join(dir, "event.json"), JSON.stringify(event(from)));
    return {
      env: {
        GITHUB_ACTIONS: "true",
        GITHUB_API_URL: github.url,
        GITHUB_REPOSITORY: "ada/hermes",
        GITHUB_EVENT_PATH: join(dir, "event.json"),
        GITHUB_STEP_SUMMARY: join(dir, "summary.md"),
        GITHUB_TOKEN: "job",
      },
      api: (forge) => new ForgeApi(forge, { wait: () => Promise.resolve() }),
      build: () =>
        Promise.resolve({ stack: "hermes", preview: PREVIEW, notChecked: [], report: report("fine"), ...made }),
      secrets: () => Promise.resolve(SECRETS),
      say: (line) => void said.push(line),
    };
  }
  const post = (made: Parameters<typeof surroundings>[0] = {}, from?: string) =>
    postReport({ stack: "acme/hermes" }, surroundings(made, from));

  it("seals what it was of into its last line, and shows its digest", async () => {
    await post({ report: report("# The report") });
    const body = github.comments[0]?.body ?? "";
    expect(body.startsWith(`${markerOf("hermes")}\n# The report`)).toBe(true);
    const review = reviewIn(textOf(body), sealKey(SECRETS));
    expect(review).toEqual({ ...planDigest(PREVIEW), stack: "hermes", commit: HEAD });
    expect(body).toContain(planDigest(PREVIEW).digest.slice(0, 16));
    expect(github.statuses).toMatchObject([
      { sha: HEAD, context: "hermes/hermes", state: "success", description: "safe" },
    ]);
    expect(readFileSync(join(dir, "summary.md"), "utf8")).toBe("# The report");
  });

  it.each(["policy", "error"] as const)(
    "of a preview that ended with %s is no review, and marks the commit red",
    async (level) => {
      await post({ report: report("# No", level) });
      expect(reviewIn(textOf(github.comments[0]?.body), sealKey(SECRETS))).toBeUndefined();
      expect(github.statuses).toMatchObject([{ state: "failure" }]);
    },
  );

  it("says what was not looked at", async () => {
    await post({ notChecked: ["The stack's state was not read."] });
    expect(github.comments[0]?.body).toContain("**Not looked at**\n\n- The stack's state was not read.");
  });

  it.each([
    ["as it is", SECRETS["hermes:secrets.mcpToken"]],
    ["in one of its lines", "- second line of the secret & <more>"],
    ["as Markdown escapes it", "second line of the secret \\& \\<more\\>"],
    ["as HTML escapes it", "second line of the secret &amp; &lt;more&gt;"],
    ["in other letters", "ключ-🔑-секрет"],
    ["in base64", Buffer.from(SECRETS["hermes:secrets.deployKey"]).toString("base64")],
  ])("that holds a secret %s is refused, with the name and without the value", async (_, text) => {
    const error = (await post({ report: report(`before ${text} after`) }).catch(
      (caught: unknown) => caught,
    )) as CommandError;
    expect(error).toMatchObject({ code: EXIT.refused });
    expect(error.message).toMatch(/holds hermes:secrets\.(mcpToken|deployKey); nothing was posted/);
    expect(error.message).not.toContain("секрет");
    expect(error.message).not.toContain("second line");
    expect(github.comments).toEqual([]);
  });

  it("that was overtaken by a newer push leaves that one's report", async () => {
    (github.pulls[0] as { head: string }).head = "b".repeat(40);
    await post();
    expect(github.comments).toEqual([]);
    expect(said).toContain("#7 has a newer commit: its report stays");
  });

  it("without the right to mark a commit posts all the same, and says so", async () => {
    github.callers.set("job", { ...CALLER, permissions: { "pull-requests": "write" } });
    await post();
    expect(github.comments).toHaveLength(1);
    expect(said.join("\n")).toMatch(/the commit was not marked: .*\n.*permissions: statuses: write/);
  });

  it("that is too long for what it is held against keeps the digest alone", async () => {
    await post({ report: report("x".repeat(64_700)) });
    const body = github.comments[0]?.body ?? "";
    expect(body.length).toBeLessThan(65_536);
    expect(reviewIn(textOf(body), sealKey(SECRETS))).toMatchObject({ digest: planDigest(PREVIEW).digest, steps: {} });
  });

  it("of a fork is not made: what was not looked at is said where it may be", async () => {
    github.callers.set("job", { ...CALLER, permissions: { contents: "read", "pull-requests": "read" } });
    const io = surroundings({}, "eve/hermes");
    await postReport({ stack: "hermes" }, { ...io, build: () => Promise.reject(new Error("was built")) });
    expect(github.comments).toEqual([]);
    expect(said.join("\n")).toMatch(/Not previewed.*fork/);
    expect(said.join("\n")).toContain("This run may only read");
    expect(readFileSync(join(dir, "summary.md"), "utf8")).toContain("exposes to the internet");
  });

  describe("drift", () => {
    const firewall = "urn:pulumi:hermes::hermes::digitalocean:index/firewall:Firewall::hermes";
    const outputs = (name: string) => ({
      urn: firewall,
      type: "digitalocean:index/firewall:Firewall",
      inputs: {},
      outputs: { name },
    });
    const drifted: PreviewDigest = {
      steps: [{ op: "refresh", urn: firewall, oldState: outputs("hermes"), newState: outputs("renamed") }],
    };
    const look = (drift: PreviewDigest | undefined) =>
      postDrift({ stack: "hermes" }, surroundings(drift === undefined ? {} : { drift }));

    it("is one issue, edited, and an exit that turns the run red", async () => {
      expect(await look(drifted)).toBe(EXIT.unhealthy);
      expect(await look(drifted)).toBe(EXIT.unhealthy);
      expect(github.issues).toMatchObject([{ state: "open", title: "hermes: hermes is not as it was deployed" }]);
      expect(github.issues[0]?.body).toContain("renamed");
    });

    it("that is gone closes the issue; no drift opens none", async () => {
      expect(await look({ steps: [] })).toBe(EXIT.ok);
      expect(github.issues).toEqual([]);
      await look(drifted);
      await look({ steps: [] });
      expect(github.issues).toMatchObject([{ state: "closed" }]);
    });

    it("that could not be looked at is an error, and no issue", async () => {
      await expect(look(undefined)).rejects.toMatchObject({ code: EXIT.unhealthy });
      expect(github.issues).toEqual([]);
    });
  });
});

describe("up --reviewed", () => {
  const plan = planDigest(PREVIEW);
  it("goes on with what was reviewed, named by its report or by the start of its digest", () => {
    expect(() => compare({ ...plan, where: "the report under #7" }, plan)).not.toThrow();
    expect(() => compare({ digest: plan.digest.slice(0, 16), where: "what you named" }, plan)).not.toThrow();
  });

  it("stops at anything else with 4, says what differs and how to go on", () => {
    const other = planDigest({ steps: [{ op: "delete", urn: "urn:pulumi:hermes::hermes::t::n" }] });
    const stopped = (): void => compare({ ...plan, where: "the report under #7" }, other);
    expect(stopped).toThrow(expect.objectContaining({ code: EXIT.refused }) as Error);
    expect(stopped).toThrow(/t::n: delete, and create was reviewed/);
    expect(stopped).toThrow(new RegExp(`Now: ${other.digest.slice(0, 16)}`));
  });
});
