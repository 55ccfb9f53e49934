import { CommandError, EXIT } from "../../lib/output";
import { planDigest } from "../../operations/review/digest";
import {
  ForgeApi,
  markerOf,
  postComment,
  reviewLine,
  reviewOf,
  sealKey,
  setStatus,
  statusOf,
} from "../../operations/review/forge";
import { GithubStandIn } from "../fixtures/github-api";

const PULL = 7;
const HEAD = "a".repeat(40);
const MERGE = "c".repeat(40);
const ALL = { contents: "read", "pull-requests": "write", statuses: "write", issues: "write" } as const;

describe("on GitHub", () => {
  let github: GithubStandIn;
  const waited: number[] = [];
  beforeEach(async () => {
    github = await GithubStandIn.start();
    waited.length = 0;
    github.callers.set("job", { login: "github-actions[bot]", job: true, permissions: ALL });
    github.callers.set("reader", {
      login: "github-actions[bot]",
      job: true,
      permissions: { contents: "read", "pull-requests": "read" },
    });
    github.callers.set("ada", { login: "ada", permissions: ALL });
    github.pulls.push({ number: PULL, head: HEAD, merge_commit_sha: MERGE, merged_at: "2026-11-26T12:00:00Z" });
  });
  afterEach(() => github.stop());

  const api = (token = "job"): ForgeApi =>
    new ForgeApi(
      { kind: "github", apiUrl: github.url, repository: "ada/hermes", token },
      { wait: (ms) => Promise.resolve(void waited.push(ms)), now: () => 1_000_000 },
    );
  const post = (text: string, token?: string) => postComment(api(token), { pull: PULL, stack: "hermes", text });
  const comment = (login: string, body: string) =>
    github.comments.push({ id: github.comments.length + 1, issue: PULL, login, body });
  const bodies = () => github.comments.map(({ body }) => body);

  describe("a report", () => {
    it("is one comment, edited by the next one", async () => {
      expect((await post("first")).edited).toBe(false);
      expect((await post("second")).edited).toBe(true);
      expect(bodies()).toEqual([`${markerOf("hermes")}\nsecond`]);
    });

    it("is one for each stack", async () => {
      await post("of hermes");
      await postComment(api(), { pull: PULL, stack: "other", text: "of other" });
      expect(bodies()).toHaveLength(2);
    });

    it("leaves alone what others wrote, though it has the marker", async () => {
      comment("eve", `${markerOf("hermes")}\nall is well`);
      await post("the report");
      expect(bodies()).toEqual([`${markerOf("hermes")}\nall is well`, `${markerOf("hermes")}\nthe report`]);
    });

    it("leaves alone our own comment that only quotes one", async () => {
      comment("github-actions[bot]", `> ${markerOf("hermes")}\n> old`);
      expect((await post("the report")).edited).toBe(false);
    });

    it("finds its comment behind hundreds of others", async () => {
      for (let count = 0; count < 120; count++) comment("ada", `talk ${count}`);
      comment("github-actions[bot]", `${markerOf("hermes")}\nold`);
      await post("new");
      expect(bodies().at(-1)).toBe(`${markerOf("hermes")}\nnew`);
      expect(bodies()).toHaveLength(121);
    });

    it("keeps the first when two runs had both made one", async () => {
      for (const text of ["one", "two"]) comment("github-actions[bot]", `${markerOf("hermes")}\n${text}`);
      await post("three");
      expect(bodies()).toEqual([`${markerOf("hermes")}\nthree`]);
    });

    it("is posted by a person's token under that person's name", async () => {
      await post("mine", "ada");
      expect(github.comments[0]?.login).toBe("ada");
      expect((await post("mine again", "ada")).edited).toBe(true);
    });

    it("is not made twice when the answer to making it was lost", async () => {
      github.interruptions.push({ status: 200, done: true, message: "" }, { status: 200, done: true });
      github.interruptions.length = 0;
      const lost = api();
      const once = { left: 1 };
      const losing = new ForgeApi(lost.forge, {
        wait: () => Promise.resolve(),
        fetch: async (url, options) => {
          const reply = await fetch(url, options);
          if (options?.method === "POST" && once.left-- > 0)
            throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
          return reply;
        },
      });
      expect((await postComment(losing, { pull: PULL, stack: "hermes", text: "the report" })).edited).toBe(true);
      expect(bodies()).toHaveLength(1);
    });
  });

  describe("a limit", () => {
    it("is waited for as long as it says, and the call made again", async () => {
      github.interruptions.push({ status: 429, headers: { "retry-after": "7" } });
      await post("the report");
      expect(waited).toEqual([7000]);
      expect(bodies()).toHaveLength(1);
    });

    it("of the hour is waited for until it is new", async () => {
      const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030" };
      github.interruptions.push({ status: 403, headers, message: "API rate limit exceeded" });
      await post("the report");
      expect(waited).toEqual([30_000]);
    });

    it("that is secondary, and says no time, is waited for a minute", async () => {
      github.interruptions.push({ status: 403, message: "You have exceeded a secondary rate limit." });
      await post("the report");
      expect(waited).toEqual([60_000]);
    });

    it("that takes too long is told, with the time, and costs no minute of a job", async () => {
      github.interruptions.push({ status: 429, headers: { "retry-after": "1800" } });
      await expect(post("the report")).rejects.toThrow(/takes no more requests.*Run this again in 1800 s/);
      expect(waited).toEqual([]);
    });
  });

  it("a server's failure is tried again where twice is as good as once", async () => {
    github.interruptions.push({ status: 502 }, { status: 502 });
    await post("the report");
    expect(waited).toEqual([1000, 2000]);
  });

  describe("a refusal", () => {
    it("names the right that is missing, and where to give it", async () => {
      const refused = post("the report", "reader");
      await expect(refused).rejects.toThrow(/permissions: pull-requests: write/);
      await expect(refused).rejects.toMatchObject({ code: EXIT.input });
      await expect(setStatus(api("reader"), HEAD, statusOf("hermes", { level: "safe", line: "safe" }))).rejects.toThrow(
        /permissions: statuses: write/,
      );
    });

    it("of a token says that it is not valid, without it", async () => {
      const error = (await post("the report", "ghs_wrong").catch((caught: unknown) => caught)) as Error;
      expect(error).toBeInstanceOf(CommandError);
      expect(error.message).toMatch(/token is not, or no longer, valid/);
      expect(error.message).not.toContain("ghs_wrong");
    });

    it("of a token that no header can carry does not quote it", async () => {
      await expect(post("the report", "to\nken")).rejects.toThrow(/characters that no token has/);
    });
  });

  it("a commit gets the verdict in one line that GitHub takes", async () => {
    await setStatus(
      api(),
      HEAD,
      statusOf("hermes", { level: "replaces", line: `**replaces** the droplet ${"x".repeat(200)}` }),
    );
    expect(github.statuses).toMatchObject([{ sha: HEAD, state: "success", context: "hermes/hermes" }]);
  });

  it.each(["loses-state", "exposes", "policy", "error"] as const)("a commit that %s is marked red", (level) => {
    expect(statusOf("hermes", { level, line: level }).state).toBe("failure");
  });

  describe("what was reviewed", () => {
    const key = sealKey({ deployKey: "a key" });
    const plan = planDigest({ steps: [{ op: "create", urn: "urn:pulumi:s::p::t::n" }] });
    const reviewed = (commit = HEAD, sealedWith = key) =>
      `the report\n${reviewLine({ ...plan, stack: "hermes", commit }, sealedWith, "the report")}`;
    const found = () => reviewOf(api(), { commit: MERGE, stack: "hermes", key });

    it("is read from the report under the pull request that brought the commit", async () => {
      await post(reviewed());
      expect(await found()).toMatchObject({ pull: PULL, digest: plan.digest, steps: plan.steps });
    });

    it.each([
      ["no pull request", () => void github.pulls.splice(0), /came by no pull request/],
      ["one that is only open", () => void delete github.pulls[0]?.merged_at, /came by no pull request/],
      ["one without a report", () => undefined, /#7 has no report of hermes/],
      [
        "a report of an older push",
        () => post(reviewed("b".repeat(40))),
        /is of bbbbbbbbbb, and aaaaaaaaaa was merged/,
      ],
      [
        "a report sealed with other secrets",
        () => post(reviewed(HEAD, sealKey({ deployKey: "another" }))),
        /other secrets/,
      ],
      [
        "a report of another's hand",
        () => comment("eve", `${markerOf("hermes")}\n${reviewed()}`),
        /#7 has no report of hermes/,
      ],
    ])("is nothing with %s", async (_, arrange, message) => {
      await arrange();
      const error = await found().catch((caught: CommandError) => caught);
      expect(error).toMatchObject({ code: EXIT.refused, message: expect.stringMatching(message) as string });
    });

    it("is nothing when somebody wrote other words above it", async () => {
      await post(reviewed());
      const edited = github.comments[0] as { body: string };
      edited.body = edited.body.replace("the report", "nothing to see here");
      await expect(found()).rejects.toThrow(/edited by hand/);
    });

    it("stays what it is when the forge changed its line ends", async () => {
      await post(reviewed());
      const kept = github.comments[0] as { body: string };
      kept.body = kept.body.replaceAll("\n", "\r\n");
      expect(await found()).toMatchObject({ digest: plan.digest });
    });

    it("is nothing when somebody edited it", async () => {
      await post(reviewed());
      const edited = github.comments[0] as { body: string };
      const forged = Buffer.from(
        JSON.stringify({ ...plan, digest: "f".repeat(64), stack: "hermes", commit: HEAD }),
      ).toString("base64url");
      edited.body = edited.body.replace(/hermes-review:[\w-]+/, `hermes-review:${forged}`);
      await expect(found()).rejects.toThrow(/edited by hand/);
    });
  });
});
