/** What keys look like, also those that the stack does not know. The command line on the operator's machine has them from here too. */
export const SECRET_SHAPES: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{12,}/g,
  /\b\d{6,}:[A-Za-z0-9_-]{30,}/g,
  /\b(?:ts|hs)key-[A-Za-z0-9_-]{8,}/g,
  /\bdop_v1_[0-9a-f]{16,}/g,
];
