/**
 * What a YAML 1.1 reader (Python's, hence cloud-init's; many editors' plug-ins) makes of a plain, unquoted text
 * where it is something else than that text; undefined when it stays text.
 */
export function readByYaml11(text: string): string | undefined {
  for (const [pattern, kind] of PLAIN_FORMS) if (pattern.test(text)) return kind;
  return undefined;
}

/** https://yaml.org/type/ (YAML 1.1 working drafts of bool, null, int, float, timestamp, merge, value). */
const PLAIN_FORMS: readonly [RegExp, string][] = [
  [/^(y|yes|n|no|true|false|on|off)$/i, "a boolean"],
  [/^(~|null|)$/i, "nothing"],
  [/^[-+]?0b[01_]+$/, "a binary number"],
  [/^[-+]?0o?[0-7_]+$/, "an octal number"],
  [/^[-+]?0x[0-9a-f_]+$/i, "a hexadecimal number"],
  [/^[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?$/, "a number in base 60"],
  [/^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[-+]?\d+)?$/i, "a number"],
  [/^[-+]?\.(inf|nan)$/i, "a number"],
  [/^\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?$/, "a date"],
  [/^(<<|=)$/, "an operator"],
];
