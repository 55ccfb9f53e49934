/**
 * One value as one word of a POSIX shell. Single quotes take everything literally; the quote itself is closed, escaped
 * and opened again.
 *
 * @throws when the value holds a control character: none of ours has one, and a line break would end a line of the
 * environment file.
 */
export function shellQuote(value: string): string {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(value)) throw new Error(`control character in ${JSON.stringify(value)}`);
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Lines of `KEY='value'`, to be read by a shell's `.` or by systemd's EnvironmentFile. */
export function environmentFile(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${shellQuote(value)}\n`)
    .join("");
}
