// Secrets taken out of what people get to read.
import type { SecretsBundle } from "./bundle.ts";
import { contentOf } from "./bundle.ts";
import { SECRET_SHAPES } from "./secret-shapes.ts";

/** Replaces the values of the bundles' secrets, as they are and as they look in JSON and URLs, and what looks like a key. */
export function scrubber(...bundles: (SecretsBundle | undefined)[]): (text: string) => string {
  const values = new Map<string, string>();
  for (const bundle of bundles) {
    for (const [path, file] of Object.entries(bundle?.files ?? {})) {
      const value = contentOf(file).toString("utf8").trim();
      const name = path.slice(path.lastIndexOf("/") + 1);
      const forms = [
        value,
        JSON.stringify(value).slice(1, -1),
        encodeURIComponent(value),
        Buffer.from(value).toString("base64"),
      ];
      for (const form of forms) if (form.length >= 6) values.set(form, name);
    }
  }
  const longestFirst = [...values].sort(([a], [b]) => b.length - a.length);
  return (text) => {
    const known = longestFirst.reduce((rest, [value, name]) => rest.replaceAll(value, `[secret ${name}]`), text);
    return SECRET_SHAPES.reduce((rest, shape) => rest.replace(shape, "[secret]"), known);
  };
}
