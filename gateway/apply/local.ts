// Has the local model of the applied configuration run, and only then lets the gateway name it.
import type { Exit, Reply } from "./activate.ts";
import { activate, recover } from "./activate.ts";
import type { OllamaSpec } from "./bundle.ts";
import { Refused } from "./bundle.ts";
import { isReady } from "./gateway.ts";
import type { Host } from "./host.ts";
import { forgetProven, isProven, readProven, writeProven } from "./local-model.ts";
import { install, makeAccount, prove, pull, removeOthers, start } from "./ollama.ts";
import { APPLIED, INSTALL_OLLAMA, STAGE } from "./places.ts";
import type { Applied } from "./store.ts";
import { readApplied } from "./store.ts";
import { readText, writePrivate } from "./text-file.ts";

export interface LocalReply extends Partial<Reply> {
  ok: boolean;
  ready: boolean;
  localModel: string | null;
  error?: string;
}

/**
 * Exit codes as those of an activation; 2 also when the local model is not there and the gateway runs on without it.
 * @throws Refused when nothing was activated yet
 */
export async function local(host: Host): Promise<{ code: Exit["code"]; reply: LocalReply }> {
  // An activation may have left its books open: without them this would not know of the model.
  await recover(host);
  const applied = readApplied(host);
  if (applied.config === undefined) throw new Refused("no configuration was activated yet");
  const spec = applied.config.ollama;
  // Activation has removed what there was.
  if (spec === undefined) return { code: 0, reply: { ok: true, ready: await isReady(host), localModel: null } };
  try {
    const restart = !isProven(host, applied.config);
    const digest = await bringUp(host, spec, restart);
    const { code, reply } = await activateAgain(host, applied, true);
    if (code === 0) writeProven(host, applied.config, digest);
    return { code, reply: { ...reply, localModel: code === 0 ? spec.tag : null } };
  } catch (error) {
    return withoutIt(host, applied, error as Error);
  }
}

async function bringUp(host: Host, spec: OllamaSpec, restart: boolean): Promise<string> {
  // In this order: by what is installed a later run sees that there is something to remove.
  await install(host, spec, INSTALL_OLLAMA);
  await makeAccount(host);
  await start(host, spec, restart);
  const digest = await pull(host, spec.tag);
  const before = readProven(host);
  if (before !== undefined && before.tag === spec.tag && before.digest !== digest)
    host.say(`the registry's ${spec.tag} is another one than before: ${digest.slice(0, 12)}`);
  await prove(host, spec);
  await removeOthers(host, spec);
  return digest;
}

/** The bundles that run, once more: openclaw.json with the local model in it, or without. */
async function activateAgain(host: Host, applied: Applied, proven: boolean): Promise<Exit> {
  for (const kind of ["config", "secrets"] as const)
    writePrivate(host, `${STAGE}/${kind}.json`, readText(host, `${APPLIED}/${kind}.json`) ?? "");
  const { configHash = "", secretsHash = "", config } = applied;
  const wanted = { config: configHash, secrets: secretsHash, openclaw: config?.openclaw.version ?? "" };
  return activate(host, { hermes: 1, kind: "activate", ...wanted }, { localModelProven: proven });
}

async function withoutIt(host: Host, applied: Applied, error: Error): Promise<{ code: 2 | 3; reply: LocalReply }> {
  host.say(error.message);
  if (readProven(host) !== undefined) {
    forgetProven(host);
    await activateAgain(host, applied, false);
  }
  const ready = await isReady(host);
  if (ready) host.say("the gateway runs on its remote models; the next `pulumi up` goes on from here");
  return { code: ready ? 2 : 3, reply: { ok: false, ready, localModel: null, error: error.message } };
}
