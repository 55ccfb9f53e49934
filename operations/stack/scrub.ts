import { SECRET_SHAPES } from "../../gateway/apply/secret-shapes";
import { secretForms } from "../../lib/secret-forms";

/** Shorter than that, a text is in too many words. */
const SHORTEST = 6;

/** Takes the secrets' values out of a text, as they are and as they look in JSON, URLs and base64, and what looks like a key. */
export function secretScrubber(secrets: Record<string, string>): (text: string) => string {
  const forms = new Map<string, string>();
  for (const [name, value] of Object.entries(secrets)) {
    for (const form of secretForms(value)) if (form.length >= SHORTEST) forms.set(form, name);
  }
  const longestFirst = [...forms].sort(([a], [b]) => b.length - a.length);
  return (text) => {
    const known = longestFirst.reduce((rest, [form, name]) => rest.replaceAll(form, `[secret ${name}]`), text);
    return SECRET_SHAPES.reduce((rest, shape) => rest.replace(shape, "[secret]"), known);
  };
}

const LONGEST_LINE = 65_536;

/**
 * Scrubs a stream line by line, whatever pieces it comes in. Bytes that are no text pass unchanged.
 *
 * @param write - gets whole lines, and what is left at the end
 */
export class ScrubbedLines {
  private held = "";

  constructor(
    private readonly scrub: (text: string) => string,
    private readonly write: (data: Buffer) => void,
  ) {}

  push(data: Buffer): void {
    // One character a byte, so that nothing is lost that is not UTF-8; secrets are ASCII.
    this.held += data.toString("latin1");
    const end = this.held.length > LONGEST_LINE ? this.held.length : this.held.lastIndexOf("\n") + 1;
    this.put(this.held.slice(0, end));
    this.held = this.held.slice(end);
  }

  end(): void {
    this.put(this.held);
    this.held = "";
  }

  private put(text: string): void {
    if (text !== "") this.write(Buffer.from(this.scrub(text), "latin1"));
  }
}

/** What strangers wrote must not move a terminal's cursor. */
export const plain = (text: string): string => text.replace(/\p{Cc}+/gu, " ");
