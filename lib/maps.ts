export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const asMap = (value: unknown): Record<string, unknown> => (isMap(value) ? value : {});

/** What stands in maps and lists at a path; undefined where it leads nowhere. */
export const valueAt = (values: unknown, path: readonly string[]): unknown =>
  path.reduce(
    (value, part) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined,
    values,
  );
