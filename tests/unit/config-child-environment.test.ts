import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineChildEnvironment, plainChildEnvironment } from "../../lib/child-environment";
import { loadRelease } from "../../operations/preflight/release-lookup";

/** What the engine and the user's shell put into the program's environment. */
const PROGRAM = {
  PATH: "/usr/bin:/bin",
  HOME: "/home/ada",
  HTTPS_PROXY: "http://proxy.test:3128",
  npm_config_cache: "/home/ada/.npm",
  PULUMI_CONFIG: '{"hermes:secrets":"{\\"deployKey\\":\\"DECRYPTED\\"}"}',
  PULUMI_CONFIG_SECRET_KEYS: '["hermes:secrets"]',
  PULUMI_CONFIG_PASSPHRASE: "PASSPHRASE",
  PULUMI_BACKEND_URL: "s3://state",
  AWS_SECRET_ACCESS_KEY: "AWSSECRET",
  DIGITALOCEAN_TOKEN: "DOTOKEN",
  TAILSCALE_OAUTH_CLIENT_SECRET: "TSSECRET",
  OPENROUTER_API_KEY: "ORKEY",
  NPM_TOKEN: "NPMTOKEN",
};

it("the engine's own command gets the backend's credentials, and no decrypted configuration", () => {
  const environment = engineChildEnvironment(PROGRAM);
  expect(environment).toMatchObject({ PULUMI_CONFIG_PASSPHRASE: "PASSPHRASE", AWS_SECRET_ACCESS_KEY: "AWSSECRET" });
  expect(JSON.stringify(environment)).not.toContain("DECRYPTED");
});

it("any other child gets its paths and proxies, and no secret", () => {
  expect(Object.keys(plainChildEnvironment(PROGRAM))).toEqual(["PATH", "HOME", "HTTPS_PROXY", "npm_config_cache"]);
});

it("npm, which the program asks for its registry, sees no secret of the stack or the shell", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hermes-npm-"));
  try {
    const dump = join(folder, "environment");
    writeFileSync(join(folder, "npm"), `#!/bin/sh\nenv >"${dump}"\necho http://127.0.0.1:9\n`, { mode: 0o755 });
    await loadRelease("hermes", "2026.9.6", { ...PROGRAM, PATH: `${folder}:${PROGRAM.PATH}` });
    const seen = readFileSync(dump, "utf8");
    expect(seen).toContain("HOME=/home/ada");
    expect(seen).not.toMatch(/DECRYPTED|PASSPHRASE|AWSSECRET|DOTOKEN|TSSECRET|ORKEY|NPMTOKEN/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
