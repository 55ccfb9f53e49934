import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const SCRIPT = readFileSync(join(__dirname, "../../gateway/files/grow-volume.sh"), "utf8");

describe("growing the volume's file system", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "hermes-grow-"));
    program("findmnt", "echo /dev/sda");
    program("blockdev", `echo ${20 * 2 ** 30}`);
    writeFileSync(join(dir, "volume"), "20\n");
    writeFileSync(join(dir, "grow.sh"), SCRIPT.replace("WANTED=/etc/hermes/volume", `WANTED=${join(dir, "volume")}`));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function program(name: string, text: string): void {
    writeFileSync(join(dir, name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(dir, name), 0o755);
  }
  const grow = async (): Promise<{ code: number; stderr: string }> => {
    const env = { ...process.env, PATH: `${dir}:${process.env["PATH"] ?? ""}` };
    return await promisify(execFile)("bash", [join(dir, "grow.sh")], { env }).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    );
  };

  it("is silent when it is done", async () => {
    program("resize2fs", 'echo "resize2fs 1.47.2" >&2');
    expect(await grow()).toEqual({ code: 0, stderr: "" });
  });

  it("says what to do when it is refused, in as much as hermes-apply passes on", async () => {
    const words = "resize2fs: Permission denied to resize filesystem, which has errors: please run e2fsck on it first";
    program("resize2fs", `echo "resize2fs 1.47.2" >&2; echo "${words}" >&2; exit 1`);
    const { code, stderr } = await grow();
    expect(code).toBe(1);
    expect(stderr).toContain(`/dev/sda could not grow to 20 GiB: ${words}. Nothing is lost`);
    expect(stderr).toMatch(/hermes backup.*hermes ssh systemctl reboot.*pulumi up.*e2fsck -f.*docs\/faults\.md/);
    expect(stderr.length).toBeLessThanOrEqual(500);
  });
});
