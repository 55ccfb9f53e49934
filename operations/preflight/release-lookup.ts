import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { compareVersions } from "../../gateway/apply/versions";
import { plainChildEnvironment } from "../../lib/child-environment";
import { asMap } from "../../lib/maps";
import { fetchJson, HttpFailure, namedBase, reasonOf } from "./look-up";
import { parseRelease, shippedFacts, type ReleaseFacts } from "./release-list";

/** Names another npm registry than the one that npm on this machine is set up with. */
const URL_VARIABLE = "HERMES_NPM_URL";

const TIMEOUT_MS = 10_000;

/** What npm itself asks for when it installs: names and versions, without each version's own text. */
const SHORT = "application/vnd.npm.install-v1+json";

/**
 * What the npm registry says of one version of OpenClaw, else what came with hermes and why. Not asked for what is no
 * version.
 * @throws ConfigError when {@link URL_VARIABLE} is neither https nor on this machine
 */
export async function loadRelease(
  stack: string,
  version: unknown,
  env: NodeJS.ProcessEnv = process.env,
  timeoutMs: number = TIMEOUT_MS,
): Promise<ReleaseFacts> {
  const fix = "Unset the variable: the registry that npm is set up with is asked then.";
  const named = namedBase(stack, { variable: URL_VARIABLE, fix }, env);
  if (typeof version !== "string" || !/^[\w.-]+$/.test(version)) return { source: "shipped" };
  try {
    return await lookUp(named ?? (await configuredRegistry(env, timeoutMs)), version, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    return { ...shippedFacts(version), failure: reasonOf(error, timeoutMs) };
  }
}

async function configuredRegistry(environment: NodeJS.ProcessEnv, timeout: number): Promise<string> {
  const env = plainChildEnvironment(environment);
  const { stdout } = await promisify(execFile)("npm", ["config", "get", "registry"], { env, timeout });
  return stdout.trim().replace(/\/+$/, "");
}

async function lookUp(base: string, version: string, signal: AbortSignal): Promise<ReleaseFacts> {
  try {
    const manifest = asMap(await fetchJson(new URL(`${base}/openclaw/${version}`), signal));
    if (manifest["version"] !== version) throw new Error("the answer is no package");
    return { release: parseRelease(version, manifest), source: "live" };
  } catch (error) {
    if (!(error instanceof HttpFailure) || error.status !== 404) throw error;
    return notFound(base, version, signal);
  }
}

/** A registry that serves no single versions answers 404 too: only the whole package's list is proof. */
async function notFound(base: string, version: string, signal: AbortSignal): Promise<ReleaseFacts> {
  const { versions } = asMap(await fetchJson(new URL(`${base}/openclaw`), signal, SHORT));
  const found = asMap(versions);
  const names = Object.keys(found);
  if (names.length === 0) throw new Error("the answer is no package");
  if (version in found) return { release: parseRelease(version, asMap(found[version])), source: "live" };
  const others = names.filter((name) => !name.includes("-")).sort((a, b) => compareVersions(b, a));
  return { source: "live", others };
}
