/** A secret's value as it is, and as it looks in JSON, URLs and base64; a key of several lines also by each of its own. */
export function secretForms(value: string): string[] {
  const text = value.trim();
  // The lines around a key ("-----BEGIN") are nobody's secret.
  const lines = text.includes("\n")
    ? text.split("\n").filter((line) => line.length >= 20 && !line.startsWith("--"))
    : [];
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    Buffer.from(text).toString("base64"),
    ...lines,
  ];
}
