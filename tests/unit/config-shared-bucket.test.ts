import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump } from "js-yaml";
import { sharedBucket } from "../../config/shared-bucket";

const TO = { endpoint: "https://nyc3.digitaloceanspaces.com", region: "nyc3", bucket: "backups", prefix: "team/" };

describe("a bucket's folder", () => {
  let project: string;
  beforeEach(() => (project = mkdtempSync(join(tmpdir(), "hermes-bucket-"))));
  afterEach(() => rmSync(project, { recursive: true, force: true }));

  const write = (stack: string, to: object): void =>
    writeFileSync(join(project, `Pulumi.${stack}.yaml`), dump({ config: { "hermes:backup": { to } } }));
  const refused = (to = TO): string[] => sharedBucket(project, "copy", to).map(({ key, wrong }) => `${key}: ${wrong}`);

  it("is refused to a stack whose file was copied with it", () => {
    write("hermes", TO);
    write("copy", TO);
    expect(refused()).toEqual([
      expect.stringMatching(/^hermes:backup\.to\.prefix: stack hermes writes its backups there/),
    ]);
  });

  it("is refused where it is another stack's by default", () => {
    write("hermes", { ...TO, endpoint: `${TO.endpoint}/`, prefix: undefined });
    expect(refused({ ...TO, prefix: "hermes/" })).toHaveLength(1);
  });

  it.each([
    ["another prefix", { prefix: "hermes/" }],
    ["another bucket", { bucket: "more-backups" }],
    ["another service", { endpoint: "https://fra1.digitaloceanspaces.com" }],
  ])("is free where the other stack has %s", (_, other) => {
    write("hermes", { ...TO, ...other });
    expect(refused()).toEqual([]);
  });

  it("is free beside files that say nothing of it, or cannot be read", () => {
    writeFileSync(join(project, "Pulumi.broken.yaml"), "config: [");
    writeFileSync(join(project, "Pulumi.yaml"), "name: hermes");
    write("copy", TO);
    expect(refused()).toEqual([]);
    expect(sharedBucket(project, "copy", undefined)).toEqual([]);
  });
});
