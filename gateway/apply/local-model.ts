// The local model as the books know it: what is wanted, what was proven to run, and openclaw.json without it.
import type { ConfigBundle } from "./bundle.ts";
import { contentOf, sha256 } from "./bundle.ts";
import type { Host } from "./host.ts";
import { LOCAL_MODEL, OLLAMA, OPENCLAW_CONFIG, UNITS } from "./places.ts";
import { readText, writePrivate } from "./text-file.ts";
import { put } from "./tree.ts";

/** What was proven to answer, by the fingerprint of what was asked for. */
interface Proven {
  fingerprint: string;
  tag: string;
  /** Ollama's digest of the model. */
  digest: string;
}

/** Changes with everything that may keep a model from answering as planned: version, tag, context, limits, environment. */
function fingerprint(bundle: ConfigBundle): string {
  const units = Object.entries(bundle.files).filter(([path]) => path.startsWith(`${UNITS}/${OLLAMA}`));
  return sha256(JSON.stringify([bundle.ollama, units.map(([path, file]) => [path, sha256(contentOf(file))]).sort()]));
}

export function isProven(host: Host, bundle: ConfigBundle): boolean {
  return readProven(host)?.fingerprint === fingerprint(bundle);
}

export function readProven(host: Host): Proven | undefined {
  const text = readText(host, LOCAL_MODEL);
  return text === undefined ? undefined : (JSON.parse(text) as Proven);
}

export const writeProven = (host: Host, bundle: ConfigBundle, digest: string): void =>
  writePrivate(
    host,
    LOCAL_MODEL,
    JSON.stringify({ fingerprint: fingerprint(bundle), tag: bundle.ollama?.tag ?? "", digest } satisfies Proven),
  );

export const forgetProven = (host: Host): void => put(host, LOCAL_MODEL, { kind: "absent" });

/** The bundle as it may run: its openclaw.json names a local model only when that one was proven to answer. */
export function runnable(bundle: ConfigBundle, proven: boolean): ConfigBundle {
  const file = bundle.files[OPENCLAW_CONFIG];
  if (bundle.ollama === undefined || proven || file === undefined) return bundle;
  const config = JSON.parse(contentOf(file).toString("utf8")) as OpenclawConfig;
  const text = `${JSON.stringify(withoutLocalModel(config), null, 2)}\n`;
  const { mode, owner } = file;
  return { ...bundle, files: { ...bundle.files, [OPENCLAW_CONFIG]: { mode, owner, text: text.split("\n") } } };
}

interface Chain {
  primary: string;
  fallbacks?: string[];
}

interface OpenclawConfig {
  models?: { providers?: Record<string, unknown> };
  agents?: { defaults?: { model?: Chain }; entries?: Record<string, { model?: Chain }> };
  plugins?: { allow?: string[]; entries?: Record<string, unknown> };
}

/** A chain that has local models only stays as it is: it fails with a reason, where none at all would not start. */
export function withoutLocalModel<T extends OpenclawConfig>(config: T): T {
  const { agents, models, plugins } = config;
  const chains = [agents?.defaults?.model, ...Object.values(agents?.entries ?? {}).map(({ model }) => model)];
  if (chains.some((chain) => chain !== undefined && remote(chain).length === 0)) return config;
  const entries = Object.entries(agents?.entries ?? {}).map(([id, entry]) => [id, withRemoteChain(entry)]);
  return {
    ...config,
    models: { ...models, providers: without(models?.providers, "ollama") },
    agents: {
      ...agents,
      ...(agents?.defaults === undefined ? {} : { defaults: withRemoteChain(agents.defaults) }),
      ...(agents?.entries === undefined ? {} : { entries: Object.fromEntries(entries) as typeof agents.entries }),
    },
    plugins: {
      ...plugins,
      allow: plugins?.allow?.filter((name) => name !== "ollama"),
      entries: without(plugins?.entries, "ollama"),
    },
  };
}

const remote = ({ primary, fallbacks = [] }: Chain): string[] =>
  [primary, ...fallbacks].filter((model) => !model.startsWith("ollama/"));

function withRemoteChain<T extends { model?: Chain }>(holder: T): T {
  if (holder.model === undefined) return holder;
  const [primary = "", ...fallbacks] = remote(holder.model);
  return { ...holder, model: { ...holder.model, primary, fallbacks } };
}

const without = (record: Record<string, unknown> = {}, name: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
