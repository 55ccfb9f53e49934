import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readWorkspace, type Workspace } from "../../config";
import { FILES_MAX } from "../../config/workspace";
import { parseStackFile, readStackFile } from "../../config/stackfile";
import { ignoredIn } from "../../config/ignored-files";
import { faults, problems, PROJECT } from "./config-fixture";

describe("a workspace on disk", () => {
  let project: string;
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "hermes-config-"));
    mkdirSync(join(project, "w/notes"), { recursive: true });
    writeFileSync(join(project, "secret"), "outside");
    writeFileSync(join(project, "w/SOUL.md"), "you are ä");
  });
  afterEach(() => rmSync(project, { recursive: true }));

  const kinds = (workspace: Workspace) =>
    workspace.kind === "folder"
      ? Object.fromEntries(workspace.entries.map(({ path, kind }) => [path, kind]))
      : workspace;

  it("is listed whole, folders by their files, prompt files with their characters", () => {
    writeFileSync(join(project, "w/notes/SOUL.md"), "no prompt file");
    expect(readWorkspace(project, "./w/")).toEqual({
      kind: "folder",
      complete: true,
      entries: [
        { path: "SOUL.md", kind: "file", bytes: 10, characters: 9 },
        { path: "notes/SOUL.md", kind: "file", bytes: 14 },
      ],
    });
  });

  it("has names composed, and finds what is called otherwise on the disk", () => {
    const name = "e\u0301.md";
    writeFileSync(join(project, "w", name), "x");
    expect(readWorkspace(project, "w")).toMatchObject({
      entries: expect.arrayContaining([{ path: "\u00e9.md", source: name, kind: "file", bytes: 1 }]) as unknown,
    });
  });

  it("leaves out what editors leave, and what .hermesignore names", () => {
    for (const name of [".DS_Store", ".SOUL.md.swp", "SOUL.md~", "draft.txt"])
      writeFileSync(join(project, "w", name), "x");
    writeFileSync(join(project, "w/.hermesignore"), "*.txt\n");
    expect(kinds(readWorkspace(project, "w"))).toEqual({ "SOUL.md": "file" });
  });

  it("tells a prompt file in another encoding, and a file with a secret of the stack's in any form", () => {
    writeFileSync(join(project, "w/SOUL.md"), "\ufeffyou are", "utf16le");
    writeFileSync(join(project, "w/AGENTS.md"), Buffer.from("\xfcber", "latin1"));
    writeFileSync(join(project, "w/notes/a.md"), `token ${Buffer.from("hunter2hunter2").toString("base64")}`);
    expect(readWorkspace(project, "w", { trackerToken: "hunter2hunter2", short: "x" })).toMatchObject({
      entries: [
        { path: "AGENTS.md", unreadable: "is not UTF-8" },
        { path: "SOUL.md", unreadable: "is saved as UTF-16" },
        { path: "notes/a.md", secrets: ["trackerToken"] },
      ],
    });
  });

  it("tells links that stay from links that leave", () => {
    symlinkSync("SOUL.md", join(project, "w/AGENTS.md"));
    symlinkSync("../secret", join(project, "w/up"));
    symlinkSync("/etc/hostname", join(project, "w/notes/far"));
    symlinkSync("nowhere", join(project, "w/dangling"));
    symlinkSync("notes", join(project, "w/folder"));
    symlinkSync("loop", join(project, "w/loop"));
    expect(kinds(readWorkspace(project, "w"))).toEqual({
      "AGENTS.md": "link",
      "SOUL.md": "file",
      dangling: "leaving",
      folder: "leaving",
      loop: "leaving",
      "notes/far": "leaving",
      up: "leaving",
    });
  });

  it("tells names that are not UTF-8, and what may not be read, in the place of a trace", () => {
    writeFileSync(
      Buffer.concat([Buffer.from(join(project, "w/gr")), Buffer.from([0xfc, 0xdf]), Buffer.from("e.md")]),
      "x",
    );
    const { entries } = readWorkspace(project, "./w") as Workspace & { kind: "folder" };
    expect(entries).toContainEqual({ path: "gr\ufffd\ufffde.md", kind: "failed", bytes: 0, failure: "ENOENT" });
    const found = faults({}, { workspace: () => readWorkspace(project, "./w") });
    expect(found).toContain('hermes:agents.main.workspace: the name "gr\ufffd\ufffde.md" in it is not UTF-8');
    const failure = { path: "SOUL.md", kind: "failed", bytes: 0, failure: "EACCES" } as const;
    const folder: Workspace = { kind: "folder", complete: true, entries: [failure] };
    expect(problems({}, { workspace: () => folder }).map(({ fix }) => fix)).toContain(
      "Give yourself the right to read it: chmod u+rX './workspace/main/SOUL.md'",
    );
  });

  it("has its SOUL.md taken out of .hermesignore, not made anew", () => {
    writeFileSync(join(project, "w/.hermesignore"), "*.md\n");
    writeFileSync(join(project, "w/SOUL.md"), "x");
    const [problem] = problems({}, { workspace: () => readWorkspace(project, "./w") });
    expect(problem?.fix).toBe("Add a last line to ./workspace/main/.hermesignore: !SOUL.md");
    writeFileSync(join(project, "w/.hermesignore"), "*.md\n!SOUL.md");
    expect(problems({}, { workspace: () => readWorkspace(project, "./w") })).toEqual([]);
  });

  it("is matched against many stars at once", () => {
    const ignored = ignoredIn(`${"*a".repeat(16)}*b\nx/**/y?/*.md\n**/z\n`);
    expect(ignored("a".repeat(120), false)).toBe(false);
    expect(
      ["x/y1/a.md", "x/p/q/y1/a.md", "x/y/a.md", "x/y1/p/a.md", "z", "p/q/z", "p/az"].map((path) =>
        ignored(path, false),
      ),
    ).toEqual([true, true, false, false, true, true, false]);
  });

  it("is known for missing, for a file, for outside", () => {
    symlinkSync(tmpdir(), join(project, "away"));
    expect(readWorkspace(project, "nothing").kind).toBe("missing");
    expect(readWorkspace(project, "secret").kind).toBe("file");
    expect(readWorkspace(project, "away").kind).toBe("outside");
    expect(readWorkspace(project, "../..").kind).toBe("outside");
  });

  it("is read no further than a bundle can carry", () => {
    for (let i = 0; i <= FILES_MAX; i++) writeFileSync(join(project, `w/notes/${i}`), "");
    expect(readWorkspace(project, "w")).toMatchObject({ kind: "folder", complete: false });
  });
});

describe("the stack's file", () => {
  it("tells the order of its keys and which secrets are not encrypted", () => {
    const text = [
      "config:",
      "  hermes:size: s",
      "  digitalocean:token: t",
      "  hermes:region: r",
      "  hermes:secrets:",
      "    gatewayToken:",
      "      secure: v1:abc",
      "    plain: visible",
      "    list: [1]",
    ].join("\n");
    expect(parseStackFile(text)).toMatchObject({
      order: ["size", "region", "secrets"],
      plainSecrets: ["plain", "list"],
    });
  });

  it("may have all secrets encrypted as one, or no configuration, or not be there", () => {
    expect(parseStackFile("config:\n  hermes:secrets:\n    secure: v1:abc\n").plainSecrets).toEqual([]);
    expect(parseStackFile("encryptionsalt: x\n")).toMatchObject({ order: [], plainSecrets: [] });
    expect(readStackFile(PROJECT, "no-such-stack")).toMatchObject({ order: [], plainSecrets: [] });
  });
});
