import { changeFrom, forgeFrom } from "../../operations/review/forge";

const SHA = "a".repeat(40);
const CI = {
  GITHUB_ACTIONS: "true",
  GITHUB_API_URL: "https://git.example.com/api/v1/",
  GITHUB_SERVER_URL: "https://git.example.com",
  GITHUB_REPOSITORY: "ada/hermes",
  GITHUB_RUN_ID: "91",
  GITHUB_RUN_NUMBER: "4",
  GITHUB_TOKEN: "job-token",
};
const pullRequest = (from: string | null): string =>
  JSON.stringify({
    pull_request: {
      number: 7,
      head: { sha: SHA, repo: from === null ? null : { full_name: from } },
      base: { repo: { full_name: "ada/hermes" } },
    },
  });

describe("where a report goes", () => {
  it("is what GitHub's CI says", () => {
    expect(forgeFrom({ ...CI, GITHUB_API_URL: "https://api.github.com" })).toEqual({
      kind: "github",
      apiUrl: "https://api.github.com",
      repository: "ada/hermes",
      token: "job-token",
      runUrl: "https://git.example.com/ada/hermes/actions/runs/91",
    });
  });

  it("is a Gitea where its runner says so, though that sets GitHub's variables too", () => {
    const forge = forgeFrom({ ...CI, GITEA_ACTIONS: "true" });
    expect(forge.kind).toBe("gitea");
    expect(forge.apiUrl).toBe("https://git.example.com/api/v1");
    expect(forge.runUrl).toBe("https://git.example.com/ada/hermes/actions/runs/4");
  });

  it("is what the command line says, whatever CI says", () => {
    const flags = { forge: "gitea", forgeUrl: "http://127.0.0.1:3000/api/v1", repo: "bob/other" };
    expect(forgeFrom(CI, flags)).toMatchObject({
      kind: "gitea",
      apiUrl: "http://127.0.0.1:3000/api/v1",
      repository: "bob/other",
    });
  });

  it("takes a token of one's own before the job's", () => {
    expect(forgeFrom({ ...CI, HERMES_FORGE_TOKEN: "mine" }).token).toBe("mine");
  });

  it.each([
    [{}, {}, /not a run of a CI that hermes knows/],
    [{}, { forge: "gitlab" }, /--forge is "gitlab": .*One of gitea, github/s],
    [{}, { forge: "gitea", repo: "ada/hermes" }, /--forge-url is missing/],
    [{}, { forge: "github" }, /--repo is missing/],
    [{}, { forge: "github", repo: "https://github.com/ada/hermes" }, /Owner and name/],
  ])("is refused otherwise (%#)", (env, flags, message) => {
    expect(() => forgeFrom(env, flags)).toThrow(message);
  });
});

describe("the change", () => {
  it("is the pull request's own commit, not the merge that CI made to try it", () => {
    const merge = "b".repeat(40);
    expect(changeFrom({ GITHUB_SHA: merge }, pullRequest("ada/hermes"))).toEqual({
      pull: 7,
      commit: SHA,
      untrusted: false,
    });
  });

  it.each(["eve/hermes", null])("is a fork's when its branch is in another repository (%s)", (from) => {
    expect(changeFrom({}, pullRequest(from)).untrusted).toBe(true);
  });

  it("is as untrusted when Dependabot pushed it, since GitHub gives its runs no secrets", () => {
    expect(changeFrom({ GITHUB_ACTOR: "dependabot[bot]" }, pullRequest("ada/hermes")).untrusted).toBe(true);
    expect(changeFrom({ GITHUB_ACTOR: "ada" }, pullRequest("ada/hermes")).untrusted).toBe(false);
  });

  it("is what was pushed where there is no pull request", () => {
    expect(changeFrom({ GITHUB_SHA: SHA }, '{"ref": "refs/heads/main"}')).toEqual({ commit: SHA, untrusted: false });
  });

  it("is what the command line says", () => {
    expect(changeFrom({}, undefined, { pull: "12", commit: SHA })).toEqual({ pull: 12, commit: SHA, untrusted: false });
    expect(() => changeFrom({}, undefined, { pull: "#12" })).toThrow(/--pull is "#12": .*Write 12/s);
    expect(() => changeFrom({}, undefined, { commit: "main" })).toThrow(/All 40 hexadecimal digits/);
  });

  it("is none when the event is no JSON", () => {
    expect(changeFrom({}, "<html>")).toEqual({ untrusted: false });
  });
});
