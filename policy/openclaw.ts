import { canonicalModel } from "../config/models";
import { OPENCLAW_CONFIG } from "../gateway/paths";
import { asMap } from "../lib/maps";
import { findModel, isFree, openrouterId, shippedList } from "../planner/openrouter/list";
import { listOf, UNKNOWN, type Finding, type PolicyResource, type PolicySettings, type Rule } from "./types";

type Json = Record<string, unknown>;

/** The rules on the openclaw.json in the staged configuration (gateway/bundle.ts). */
const onConfig =
  (check: (config: Json, settings: PolicySettings) => Finding[]): NonNullable<Rule["one"]> =>
  (resource, settings) => {
    const config = stagedConfig(resource);
    return config === undefined || config === "unreadable" ? [] : check(config, settings);
  };

export const gatewayLoopback: Rule = {
  name: "gateway-loopback",
  says: "The gateway listens on loopback, and Tailscale serves it to nobody.",
  one: (resource) => {
    const config = stagedConfig(resource);
    if (config === undefined) return [];
    const fix = `Write "loopback" and "off" there (gateway/openclaw-config.ts): the way in is a tunnel.`;
    if (config === "unreadable")
      return [{ found: `its openclaw.json can't be read, so nobody knows where the gateway listens`, fix }];
    const gateway = asMap(config["gateway"]);
    const serve = asMap(gateway["tailscale"])["mode"] ?? "off";
    return [
      ...(gateway["bind"] === "loopback" ? [] : [{ found: `gateway.bind is ${json(gateway["bind"])}`, fix }]),
      ...(serve === "off" ? [] : [{ found: `gateway.tailscale.mode is ${json(serve)}`, fix }]),
    ];
  },
};

export const browserOff: Rule = {
  name: "browser-off",
  says: "Browser automation is off.",
  one: onConfig((config) => {
    const enabled = asMap(config["browser"])["enabled"];
    if (enabled === false) return [];
    const fix = "Set browser.enabled to false (gateway/openclaw-config.ts): a browser is memory and a way in.";
    return [{ found: `browser.enabled is ${json(enabled)}`, fix }];
  }),
};

export const noPaidModel: Rule = {
  name: "no-paid-model",
  says: "No model costs money, unless hermes:models.allowPaid says so.",
  one: onConfig((config, settings) => {
    if (settings.allowPaidModels) return [];
    const fix = "Take a free one (its id ends with :free), or set hermes:models.allowPaid to true.";
    return [...modelsIn(config)].flatMap((model) => {
      const why = whyPaid(model, settings);
      return why === undefined ? [] : [{ found: `the model ${json(model)} ${why}`, fix }];
    });
  }),
};

/** undefined: the resource stages no configuration, or it is not known yet. */
function stagedConfig({ type, props }: PolicyResource): Json | "unreadable" | undefined {
  const { create, update, stdin } = props;
  const stages = [create, update].some((command) => /\bstage\s+config\b/.test(String(command)));
  if (type !== "command:remote:Command" || !stages || stdin === UNKNOWN) return undefined;
  const file = asMap(asMap(asMap(parsed(stdin))["files"])[OPENCLAW_CONFIG]);
  const text = Array.isArray(file["text"])
    ? file["text"].join("\n")
    : Buffer.from(typeof file["base64"] === "string" ? file["base64"] : "", "base64").toString();
  const config = parsed(text);
  return typeof config === "object" && config !== null ? asMap(config) : "unreadable";
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text)) as unknown;
  } catch {
    return undefined;
  }
}

/** Every id that an agent may use: of the chain, of an agent's own, of the providers' rows. */
function modelsIn(config: Json): Set<string> {
  const providers = Object.entries(asMap(asMap(config["models"])["providers"]));
  const rows = providers.flatMap(([provider, rows]) =>
    listOf(asMap(rows)["models"]).map((row) => `${provider}/${String(asMap(row)["id"])}`),
  );
  return new Set([...namedModels(config["agents"], false), ...rows].map(canonicalModel));
}

/** The texts below any key that has to do with models. */
function namedModels(value: unknown, named: boolean): string[] {
  if (typeof value === "string") return named && value.includes("/") ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => namedModels(each, named || /model/i.test(key)));
}

function whyPaid(model: string, { models, allowUnknownModels }: PolicySettings): string | undefined {
  if (model.startsWith("ollama/")) return undefined;
  if (!model.startsWith("openrouter/")) return "is of a provider that is paid";
  const id = openrouterId(model);
  const found = findModel(models.models, id) ?? (id.startsWith("openrouter/") ? router(id) : undefined);
  if (found !== undefined) return isFree(found) ? undefined : "costs money";
  if (id.endsWith(":free") || allowUnknownModels) return undefined;
  return "is in no list, so it counts as paid";
}

const router = (id: string) => findModel(shippedList().models, id);

const json = (value: unknown): string => (value === undefined ? "missing" : JSON.stringify(value));
