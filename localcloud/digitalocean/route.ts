import type { Cloud } from "./cloud";
import { unprocessable } from "./errors";

export interface Call {
  /** What the path's groups matched. */
  params: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
}

export interface Reply {
  status: number;
  body?: unknown;
}

/** One call of the API. The pattern matches the whole path. */
export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  pattern: RegExp;
  handle: (cloud: Cloud, call: Call) => Reply | Promise<Reply>;
}

export function route(method: Route["method"], path: string, handle: Route["handle"]): Route {
  return { method, pattern: new RegExp(`^${path.replace(/:\w+/g, "([^/]+)")}$`), handle };
}

export const param = (call: Call, index = 0): string => decodeURIComponent(call.params[index] ?? "");

/** A page of a list, 20 entries unless `per_page` says otherwise, with links to the other pages. */
export function paged(key: string, entries: unknown[], call: Call): Reply {
  const size = Math.min(Math.max(Number(call.query.get("per_page") ?? 20) || 20, 1), 200);
  const page = Math.max(Number(call.query.get("page") ?? 1) || 1, 1);
  const pages = Math.max(Math.ceil(entries.length / size), 1);
  const link = (n: number) => `https://api.digitalocean.com/v2/${key}?page=${n}&per_page=${size}`;
  const links = {
    ...(page > 1 ? { first: link(1), prev: link(page - 1) } : {}),
    ...(page < pages ? { next: link(page + 1), last: link(pages) } : {}),
  };
  return {
    status: 200,
    body: {
      [key]: entries.slice((page - 1) * size, page * size),
      links: Object.keys(links).length > 0 ? { pages: links } : {},
      meta: { total: entries.length },
    },
  };
}

export function text(body: Record<string, unknown>, key: string): string | undefined {
  const value = body[key];
  return typeof value === "string" ? value : undefined;
}

export function required(body: Record<string, unknown>, key: string, message: string): string {
  const value = text(body, key);
  if (value === undefined || value === "") throw unprocessable(message);
  return value;
}

export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
export const numbers = (value: unknown): number[] => texts(value).map(Number);
