import type { Context } from "../framework/resource";
import { isObject, text, texts, type Values } from "../framework/values";
import { api, doing, object } from "./api";

/** Data sources. They run at every preview and every update, as the official ones do. */

const camelCase = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const camelKeys = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [camelCase(key), value]));

async function everyPage(path: string, key: string, context: Context): Promise<Values[]> {
  const found: Values[] = [];
  for (let page = 1; ; page++) {
    const reply = await api("GET", `${path}?page=${page}&per_page=200`, context);
    found.push(...(reply[key] as Values[]));
    const links = reply["links"];
    const pages = isObject(links) ? links["pages"] : undefined;
    if (!isObject(pages) || pages["next"] === undefined) return found;
  }
}

/** One of `values` has to be met, or all of them with `all`; lists match by what they hold. */
function passes(entry: Values, filter: Values): boolean {
  const value = entry[text(filter, "key")];
  const held = Array.isArray(value) ? texts(value) : [String(value)];
  const matches = (wanted: string): boolean => {
    if (filter["matchBy"] === "substring") return held.some((one) => one.includes(wanted));
    if (filter["matchBy"] === "re") return held.some((one) => new RegExp(wanted).test(one));
    return held.includes(wanted);
  };
  const wanted = texts(filter["values"]);
  return filter["all"] === true ? wanted.every(matches) : wanted.some(matches);
}

function compare(a: Values, b: Values, sort: Values): number {
  const [x, y] = [a[text(sort, "key")], b[text(sort, "key")]];
  const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
  return sort["direction"] === "desc" ? -order : order;
}

async function list(path: string, key: string, args: Values, context: Context): Promise<Values> {
  const filters = (args["filters"] ?? []) as Values[];
  const sorts = (args["sorts"] ?? []) as Values[];
  const entries = (await everyPage(path, key, context)).map(camelKeys);
  const chosen = entries.filter((entry) => filters.every((filter) => passes(entry, filter)));
  for (const sort of [...sorts].reverse()) chosen.sort((a, b) => compare(a, b, sort));
  return { ...args, id: `hermes-${key}`, [key]: chosen };
}

async function getImage(args: Values, context: Context): Promise<Values> {
  const wanted = args["slug"] ?? args["id"];
  if (wanted === undefined) {
    throw new Error("the stand-in's getImage looks up by `slug` or `id`; by `name` only the official provider does");
  }
  const reply = await doing("Error retrieving image", () =>
    api("GET", `/v2/images/${encodeURIComponent(String(wanted as string | number))}`, context),
  );
  const { created_at: created, public: isPublic, ...image } = object(reply, "image");
  return { ...camelKeys(image), created, private: isPublic !== true, image: image["slug"] ?? String(image["id"]) };
}

async function getAccount(_args: Values, context: Context): Promise<Values> {
  const reply = await doing("Error retrieving account", () => api("GET", "/v2/account", context));
  const account = camelKeys(object(reply, "account"));
  return { ...account, id: account["uuid"] };
}

export const functions = {
  "digitalocean:index/getSizes:getSizes": (args: Values, context: Context) =>
    doing("Unable to get sizes", () => list("/v2/sizes", "sizes", args, context)),
  "digitalocean:index/getRegions:getRegions": (args: Values, context: Context) =>
    doing("Unable to get regions", () => list("/v2/regions", "regions", args, context)),
  "digitalocean:index/getImage:getImage": getImage,
  "digitalocean:index/getAccount:getAccount": getAccount,
};
