import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { commentAccess, commentGone } from "../../operations/sandboxes/comment";
import type { Created } from "../../operations/sandboxes/create";
import { PROJECT } from "./config-fixture";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "hermes-workflow-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the workflow's script; what it would have called, in order. */
function calls(env: Record<string, string>, isUp = false): { status: number | null; calls: string[] } {
  const log = join(dir, "log");
  const shown = isUp ? `echo '{"name":"pr-7","droplet":"active","state":"made"}'` : "exit 1";
  writeFileSync(join(dir, "hermes"), `#!/bin/bash\necho "$*" >>"${log}"\nif [ "$2" = show ]; then ${shown}; fi\n`);
  chmodSync(join(dir, "hermes"), 0o755);
  const { status } = spawnSync("bash", [join(PROJECT, "scripts/ci/sandbox.sh")], {
    cwd: dir,
    env: { PATH: process.env["PATH"], ...env },
  });
  const calls = readFileSync(log, "utf8").trim().split("\n");
  return { status, calls: calls.map((call) => call.replace("sandbox ", "").replace(" --from hermes", "")) };
}

describe("the workflow's script", () => {
  const labelled = { DEED: "labeled", NUMBER: "7", LABELLED: "true" };
  const make = ["show pr-7 --json", "destroy pr-7", "create pr-7 --ttl 2d --idle 4h --comment"];

  it("makes a sandbox for a pull request with the label, in the place of one that was cut off", () => {
    expect(calls(labelled)).toEqual({ status: 0, calls: make });
    expect(calls({ ...labelled, DEED: "label_updated" }).calls.slice(-3)).toEqual(make);
  });

  it("leaves one alone that is up when another label comes", () => {
    expect(calls(labelled, true)).toEqual({ status: 0, calls: ["show pr-7 --json"] });
  });

  it.each([
    [{ DEED: "unlabeled", LABELLED: "false" }],
    [{ DEED: "closed", LABELLED: "true" }],
    [{ DEED: "label_cleared", LABELLED: "false" }],
  ])("removes it when %j", (env) => {
    expect(calls({ ...env, NUMBER: "7" })).toEqual({ status: 0, calls: ["destroy pr-7 --comment"] });
  });

  it("sweeps daily", () => expect(calls({ DEED: "" })).toEqual({ status: 0, calls: ["sweep --yes"] }));
});

describe.each([".gitea", ".github"])("%s/workflows/sandbox.yaml", (folder) => {
  interface Workflow {
    on: Record<string, unknown>;
    permissions: object;
    concurrency: Record<string, unknown>;
    jobs: { sandbox: { if: string; steps: { name?: string; env?: Record<string, string>; run?: string }[] } };
  }
  const workflow = load(readFileSync(join(PROJECT, folder, "workflows/sandbox.yaml"), "utf8")) as Workflow;
  const { sandbox } = workflow.jobs;

  it("runs the tested script, with what it asks for, and daily", () => {
    const step = sandbox.steps.find(({ name }) => name === "Sandbox");
    expect(step?.run).toBe("bash scripts/ci/sandbox.sh");
    expect(Object.keys(step?.env ?? {})).toEqual(expect.arrayContaining(["DEED", "NUMBER", "LABELLED", "STACK"]));
    expect(workflow.on).toHaveProperty("schedule");
    expect(workflow.on["pull_request"]).toEqual({ types: ["labeled", "unlabeled", "closed", "reopened"] });
  });

  it("gives a fork nothing, and cuts no removal off", () => {
    // Not `fork`: what hermes is developed in may be a copy itself.
    expect(sandbox.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
    expect(workflow.permissions).toEqual({});
    expect(workflow.concurrency["cancel-in-progress"]).toBe(false);
  });
});

describe("the comment", () => {
  const comments: { id: number; body: string; user: { login: string } }[] = [];
  let server: Server;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const said = body === "" ? "" : (JSON.parse(body) as { body: string }).body;
        const id = Number(/comments\/(\d+)$/.exec(request.url ?? "")?.[1] ?? 0);
        const mine = { user: { login: "bot" }, html_url: "https://git.example/c" };
        const send = (value: unknown) =>
          void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
        if (request.url === "/user") return send({ login: "bot" });
        if (request.method === "POST") comments.push({ id: comments.length + 1, body: said, ...mine });
        const one = comments.find((each) => each.id === id);
        if (request.method === "PATCH" && one !== undefined) one.body = said;
        send(request.method === "GET" ? comments : (one ?? comments.at(-1)));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    const event = join(dir, "event.json");
    writeFileSync(event, JSON.stringify({ pull_request: { number: 7 } }));
    env = {
      ...{ GITEA_ACTIONS: "true", GITHUB_REPOSITORY: "ada/hermes", GITHUB_TOKEN: "forge-token-of-the-test" },
      GITHUB_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      GITHUB_EVENT_PATH: event,
    };
  });

  const created = {
    ...{ name: "pr-7", stack: "sandbox-pr-7", expires: "2026-11-28T12:00:00.000Z", seconds: 42 },
    outputs: { tailnet: { name: "hermes-sandbox-pr-7.ts.net", address: "100.64.0.7" }, cost: { hourlyUsd: 0.018 } },
  } as unknown as Created;

  it("says how to get in, is edited when it is gone, and there is never a second one", async () => {
    await commentGone("pr-7", env);
    expect(comments).toEqual([]);
    await commentAccess("pr-7", { ok: false, error: new Error("sk-or-v1-what-the-engine-said") }, env);
    expect(comments[0]?.body).toContain("It did not come up");
    expect(comments[0]?.body).not.toContain("sk-or");
    expect(await commentAccess("pr-7", { ok: true, value: created }, env)).toBe("https://git.example/c");
    expect(comments[0]?.body).toContain("`./hermes tunnel --stack sandbox-pr-7`");
    expect(comments[0]?.body).toContain("2026-11-28 12:00 UTC");
    await commentGone("pr-7", env);
    expect(comments.map(({ body }) => body)).toEqual([expect.stringContaining("It is gone")]);
  });
});
