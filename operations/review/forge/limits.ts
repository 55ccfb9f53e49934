/** GitHub says 403 for both of its limits: the hourly one by a header, the secondary one by its words too. */
export const isRateLimit = (headers: Headers, text: string): boolean =>
  headers.has("retry-after") || headers.get("x-ratelimit-remaining") === "0" || /secondary rate limit/i.test(text);

/** Milliseconds: `retry-after` in seconds or as a date, else the Unix time at which the hourly limit is new. */
export function resumeIn(headers: Headers, now: number): number | undefined {
  const after = headers.get("retry-after") ?? "";
  if (/^\d{1,6}$/.test(after)) return Number(after) * 1000;
  const date = Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, date - now);
  const reset = headers.get("x-ratelimit-reset") ?? "";
  if (headers.get("x-ratelimit-remaining") === "0" && /^\d{1,12}$/.test(reset))
    return Math.max(0, Number(reset) * 1000 - now);
  return undefined;
}
