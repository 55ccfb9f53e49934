/** Property values as the engine sends them: JSON, and this text for what is not known before an update. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export type Values = Record<string, unknown>;

/** Names of the inputs that Check filled in; the official bridge keeps the list in every object. */
export const DEFAULTS = "__defaults";

export const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value without the bridge's lists of defaults, at any depth. */
export function withoutDefaults<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutDefaults) as T;
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([key]) => key !== DEFAULTS);
  return Object.fromEntries(entries.map(([key, entry]) => [key, withoutDefaults(entry)])) as T;
}

/** The value with an empty list of defaults in every object of it. */
export function markDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(markDefaults);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, entry]) => [key, markDefaults(entry)] as const);
  return { [DEFAULTS]: [], ...Object.fromEntries(entries) };
}

export const text = (values: Values, key: string): string => {
  const value = values[key];
  return typeof value === "string" ? value : "";
};
export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** Without the properties that are undefined or null. */
export const compact = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
