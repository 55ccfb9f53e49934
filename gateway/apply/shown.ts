// Text from accounts that are not trusted, as a person may read it.

/**
 * One line that hides nothing: line breaks, control characters and characters that change the direction of text are shown
 * by their numbers.
 */
export const shown = (text: string): string =>
  text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
