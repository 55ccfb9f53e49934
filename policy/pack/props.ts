import { UNKNOWN } from "..";

/** A policy's properties throw where they are not known yet; the rules go on with what is. */
export const knownProps = (props: Record<string, unknown>): Record<string, unknown> =>
  known(props) as Record<string, unknown>;

function known(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const read = (key: string | number): unknown => {
    try {
      return known((value as Record<string | number, unknown>)[key]);
    } catch (error) {
      if ((error as Error).constructor.name !== "UnknownValueError") throw error;
      return UNKNOWN;
    }
  };
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, i) => read(i));
  return Object.fromEntries(Object.keys(value).map((key) => [key, read(key)]));
}
