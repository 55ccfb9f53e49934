export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const asMap = (value: unknown): Record<string, unknown> => (isMap(value) ? value : {});
