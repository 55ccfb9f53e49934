import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  activateBundle,
  configBundle,
  contentFile,
  secretsBundle,
  sha256,
  stableJson,
  textFile,
} from "../../gateway/bundle";
import { OPENCLAW_DIGESTS } from "../../config/keys";
import { CACHES } from "../../gateway/apply/places";
import { applyProgram, gatewayFiles } from "../../gateway/files";
import { sandboxFolder } from "../../gateway/paths";
import { readWorkspaces } from "../../gateway/workspace";
import { hermesConfig } from "../fixtures/gateway-config";

const meta = { mode: "0644", owner: "root:root" };
const bundle = (change: Partial<Parameters<typeof configBundle>[0]> = {}) =>
  configBundle({ config: hermesConfig, files: {}, workspaces: {}, ...change });

describe("bundles", () => {
  it("are the same text for the same content, in whatever order it came", () => {
    expect(stableJson({ b: { d: 1, c: [2, 1] }, a: 0 })).toBe(stableJson({ a: 0, b: { c: [2, 1], d: 1 } }));
  });

  it("show one changed line for one changed line of a file", () => {
    const [before, after] = ["one\ntwo\nthree\n", "one\n2\nthree\n"].map((text) =>
      bundle({ workspaces: { main: { "SOUL.md": textFile(text, meta) } } }).split("\n"),
    );
    expect(after?.filter((line) => !before?.includes(line)).map((line) => line.trim())).toEqual(['"2",']);
  });

  it("carry text and bytes without a change", () => {
    const content = (file: ReturnType<typeof contentFile>) =>
      "text" in file ? Buffer.from(file.text.join("\n")) : Buffer.from(file.base64, "base64");
    const anyContent = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
    );
    fc.assert(fc.property(anyContent, (bytes) => expect(content(contentFile(bytes, meta)).equals(bytes)).toBe(true)));
  });

  it("hold the versions of OpenClaw and Node", () => {
    expect(JSON.parse(bundle())).toMatchObject({
      hermes: 1,
      kind: "config",
      openclaw: { version: "2026.9.6", before: "2026-11-20" },
      node: { version: "24.21.0", url: "https://nodejs.org/dist/v24.21.0/node-v24.21.0-linux-x64.tar.xz" },
    });
  });

  it("keep secrets for the gateway's account alone, without a line break at their end", () => {
    expect((JSON.parse(secretsBundle({ gatewayToken: "t" })) as { files: unknown }).files).toEqual({
      "/etc/openclaw/secrets/gatewayToken": { mode: "0400", owner: "openclaw:openclaw", text: ["t"] },
    });
  });

  it("are switched on by their hashes", () => {
    const [config, secrets] = [bundle(), secretsBundle({})];
    expect(JSON.parse(activateBundle({ config, secrets, openclaw: "2026.9.6" }))).toEqual({
      hermes: 1,
      kind: "activate",
      config: sha256(config),
      secrets: sha256(secrets),
      openclaw: "2026.9.6",
    });
  });

  it("bring the whole of hermes-apply", () => {
    const program = applyProgram();
    expect(Object.keys(program)).toContain("main.ts");
    const imported = Object.values(program).flatMap((text) =>
      [...text.matchAll(/from "\.\/([^"]+)"/g)].map((match) => match[1]),
    );
    for (const name of imported) expect(Object.keys(program)).toContain(name);
  });
});

describe("files of the gateway", () => {
  const files = gatewayFiles(hermesConfig);
  const text = (path: string) => {
    const file = files[path];
    return file && "text" in file ? file.text.join("\n") : undefined;
  };

  it("hide the configuration from everyone but root and the gateway", () => {
    for (const [path, file] of Object.entries(files)) {
      if (path.startsWith("/etc/openclaw/"))
        expect([path, file.mode, file.owner]).toEqual([path, "0640", "root:openclaw"]);
    }
  });

  it("list the workspace of every agent under the folder that OpenClaw looks for", () => {
    expect(text("/etc/hermes-agent/workspaces")).toBe(
      `${sandboxFolder("main")} main\n${sandboxFolder("coder")} coder\n`,
    );
    // Seen with OpenClaw 2026.9.6: "openclaw-ssh-workspace-" and a hash.
    expect(sandboxFolder("main")).toMatch(/^openclaw-ssh-workspace-[0-9a-f]{32}$/);
  });

  it("hold no JSON text of a thousand lines, which the engine would show in every preview", () => {
    const sha256 = OPENCLAW_DIGESTS[hermesConfig.openclaw.version] ?? "";
    const pinned = { ...hermesConfig, sources: { ...hermesConfig.sources, openclaw: { sha256 } } };
    const lock = gatewayFiles(pinned)["/usr/local/lib/hermes/openclaw-lock.json"];
    expect(Object.keys(lock ?? {})).toContain("base64");
  });

  it("insist on the volume where there is one, and only there", () => {
    const drop = "/etc/systemd/system/openclaw-gateway.service.d/volume.conf";
    expect(text(drop)).toContain("AssertPathIsMountPoint=/srv/hermes\n");
    expect(gatewayFiles({ ...hermesConfig, volumeGiB: 0 })).not.toHaveProperty([drop]);
  });

  it("give the planner's memory to the units", () => {
    const memory = { maxMiB: 1, swapMaxMiB: 2, heapMiB: 3, agentMaxMiB: 4, agentSwapMaxMiB: 5 };
    const unit = gatewayFiles(hermesConfig, memory)["/etc/systemd/system/openclaw-gateway.service.d/memory.conf"];
    const lines = ["[Service]", "MemoryMax=1M", "MemorySwapMax=2M", "Environment=HERMES_HEAP_MIB=3", ""];
    expect(unit).toMatchObject({ text: lines });
  });

  it("never switch on what breaks OpenClaw", () => {
    const unit = text("/etc/systemd/system/openclaw-gateway.service");
    expect(unit).not.toMatch(/^(RestrictSUIDSGID|MemoryDenyWriteExecute)=yes/m);
  });

  it("keep what MCP servers' programs fetch out of the state, its copies and its backups", () => {
    const unit = text("/etc/systemd/system/openclaw-gateway.service") ?? "";
    const [made, shown] = ["CacheDirectory", "BindPaths"].map(
      (key) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1]?.split(" ") ?? [],
    );
    const mounts = shown!.map((each) => each.split(":"));
    expect(mounts.map(([, at]) => at)).toEqual(CACHES.map((name) => `/var/lib/openclaw/${name}`));
    for (const [from] of mounts) expect(made).toContain(from?.replace("/var/cache/", ""));
    expect(text("/usr/local/lib/hermes/empty-caches.sh")).toContain(`(${mounts.map(([, at]) => at).join(" ")})`);
  });

  it("end the agents' commands first when memory is short, then the gateway", () => {
    const score = (unit: string) =>
      Number(/^OOMScoreAdjust=(\d+)$/m.exec(text(`/etc/systemd/system/${unit}`) ?? "")?.[1]);
    expect(score("hermes-agent.service")).toBeGreaterThan(score("openclaw-gateway.service"));
    expect(score("openclaw-gateway.service")).toBeGreaterThan(0);
  });

  it("name secrets for the environment only where a URL's header needs one", () => {
    expect(text("/etc/openclaw/environment")).toMatch(/^HERMES_SECRET_TRACKERTOKEN_[0-9A-F]{8} trackerToken\n$/);
  });
});

describe("workspaces", () => {
  const project = mkdtempSync(join(tmpdir(), "hermes-workspace-"));
  afterAll(() => rmSync(project, { recursive: true }));
  const config = { ...hermesConfig, agents: { main: { workspace: "ws", bindings: [] } } };

  it("are read whole, links to files in them included", () => {
    mkdirSync(join(project, "ws/skills"), { recursive: true });
    writeFileSync(join(project, "ws/shared.md"), "shared\n");
    writeFileSync(join(project, "ws/SOUL.md"), "soul");
    writeFileSync(join(project, "ws/skills/x.bin"), Buffer.from([0, 255]));
    symlinkSync("shared.md", join(project, "ws/AGENTS.md"));
    const owned = { mode: "0600", owner: "openclaw:openclaw" };
    expect(readWorkspaces(project, config)).toEqual({
      main: {
        "AGENTS.md": { ...owned, text: ["shared", ""] },
        "SOUL.md": { ...owned, text: ["soul"] },
        "shared.md": { ...owned, text: ["shared", ""] },
        "skills/x.bin": { ...owned, base64: "AP8=" },
      },
    });
  });

  it("refuse a link that leaves them", () => {
    symlinkSync("/etc/passwd", join(project, "ws/out.md"));
    expect(() => readWorkspaces(project, config)).toThrow("out.md is neither a file nor a link");
  });
});
