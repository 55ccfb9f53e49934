// What credentials look like where none may stand: in plain values of the configuration.

/** Names of headers, variables, options and query parameters whose value is a credential. */
const NAME = new RegExp(
  [
    // Also without a separator, as in PGPASSWORD.
    "(password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie)$",
    "(^|[_-])(pat|pwd|bearer|jwt)$",
  ].join("|"),
  "i",
);

/** Names of credentials and of other settings, as in SORT_KEY and --auth oauth. */
const AMBIGUOUS_NAME = /credentials?$|(^|[_-])(auth|key|sig|signature|dsn)$/i;

export const isCredentialName = (name: string): boolean => NAME.test(name) || AMBIGUOUS_NAME.test(name);

/** Whether a value under that name is a credential, and not a reference to one, the path of one or a setting. */
export function isCredential(name: string, value: string): boolean {
  if (value === "" || isReference(value) || isSwitch(value) || isPath(value)) return false;
  return NAME.test(name) || (AMBIGUOUS_NAME.test(name) && !isWord(value));
}

/** `${TOKEN}`, and `Bearer ${TOKEN}` in a header. */
const isReference = (value: string): boolean => /^((bearer|basic|token)\s+)?\$(\w+|\{\w+\})$/i.test(value);
const isSwitch = (value: string): boolean => /^(true|false|on|off|yes|no|none|\d{1,4})$/i.test(value);
const isPath = (value: string): boolean =>
  /^(~|\.{1,2})?(\/[\w.@~-]+)+\/?$|^[\w.-]+\.(pem|crt|cer|key|json|ya?ml|txt|p12|pfx)$/i.test(value);
const isWord = (value: string): boolean => /^(?=.{1,20}$)[a-z]+([_.-][a-z]+)*$/i.test(value);

/** By their beginnings, which their issuers chose so that they are found. */
const SHAPES: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{12,}/,
  /\b(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{16,}/,
  /\bgithub_pat_\w{16,}/,
  /\bglpat-[\w-]{16,}/,
  /\bxox[abeoprs]-[\w-]{10,}/,
  /\b(AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bAIza[\w-]{30,}/,
  /\b(npm|hf|lin_api|shpat|sq0csp)_[A-Za-z0-9]{20,}/,
  /\bdo[por]_v1_[0-9a-f]{16,}/,
  /\bpul-[0-9a-f]{40}/,
  /\bgsk_[A-Za-z0-9]{20,}/,
  /\b[sr]k_(live|test)_[A-Za-z0-9]{16,}/,
  /\b(whsec|napi|ntn|r8|sbp|sntrys|dckr_pat|apify_api)_[A-Za-z0-9+/=_-]{16,}/,
  /\b(tvly|xai|pplx|pypi|figd|xapp)[-_][\w-]{16,}/,
  /\b(GOCSPX-|ya29\.|SG\.|ATATT3|glsa_)[\w.-]{16,}/,
  /\b(ts|hs)key-[A-Za-z0-9_-]{8,}/,
  /\b\d{6,}:[A-Za-z0-9_-]{30,}/,
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\./,
  /AGE-SECRET-KEY-1/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
];

/** Whether a text holds what is a credential wherever it stands. */
const holdsCredential = (text: string): boolean => SHAPES.some((shape) => shape.test(text));

/** A user name with a password, as in postgres://user:password@host; not postgres://user:${PASSWORD}@host. */
const USER_INFO = /:\/\/[^\s/@:]*:(?!\$(\w+|\{\w+\})@)[^\s/@]+@/;
/** Prose has "basic questions" in it: a token is longer, and has a digit or a =. */
const SCHEME = /\b(bearer|basic)\s+(?=[\w.~+/-]*[\d=])[\w.~+/=-]{16,}/i;
const HEADER = /\b(authorization|proxy-authorization|cookie|x-[\w-]*(key|token)):\s*(\S.*)/i;
const PARAMETER = /[?&;#]([\w.-]+)=([^&;\s]+)/g;

/**
 * Says which part of a plain text is a credential; undefined if there is none. A reference to a variable is not one.
 */
export function credentialIn(text: string): string | undefined {
  if (holdsCredential(text)) return "it holds what looks like an access token or a private key";
  if (USER_INFO.test(text)) return "it holds a password, before the @";
  const header = HEADER.exec(text)?.[3] ?? "";
  if (SCHEME.test(text) || (header !== "" && !isReference(header))) return "it holds an authorization header";
  for (const [, name = "", value = ""] of text.matchAll(PARAMETER))
    if (isCredential(name, value)) return `its parameter ${name} is a credential`;
  return undefined;
}

/** Whether the argument before tells that this one is a credential, as in `--token abc`. */
export function isOptionValue(option: unknown, value: string): boolean {
  return typeof option === "string" && /^--?[a-z]/i.test(option) && !option.includes("=") && isOption(option, value);
}

/** `--token=abc` */
export function isCredentialOption(text: string): boolean {
  const [, option = "", value = ""] = /^(--?[\w-]+|[A-Za-z_]\w*)=(.+)$/s.exec(text) ?? [];
  return option !== "" && isOption(option, value);
}

/** `--token abc` in one argument, also behind other words; prose has no digit in the word that follows. */
export const isOptionWithValue = (text: string): boolean =>
  [...text.matchAll(/(?:^|\s)(--?[a-z][\w-]*)[\s=]+(\S+)/gi)].some(
    ([, option = "", value = ""]) => /\d/.test(value) && value.length >= 8 && isOption(option, value),
  );

const isOption = (option: string, value: string): boolean => !value.startsWith("-") && isCredential(option, value);

/**
 * Whether a value of any shape holds a credential by its form, or under a name or after an option that says so: what people
 * bring from other tools' files, where it may stand in a list, in one text, or in a map of another shape.
 */
export function hidesCredential(value: unknown): boolean {
  if (typeof value === "string") return credentialIn(value) !== undefined || hidesInWords(value.split(/[\s"'`,]+/));
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return hidesInWords(value) || value.some(hidesCredential);
  const { name, value: named, secret, ...others } = value as Record<string, unknown>;
  // A reference: the name of a secret.
  if (typeof secret === "string" && name === undefined && Object.keys(others).length === 0)
    return hidesCredential(secret);
  return Object.entries({ ...value, ...(typeof name === "string" ? { [name]: named } : {}) }).some(
    ([key, each]) =>
      hidesCredential(key) || hidesCredential(each) || (typeof each === "string" && isCredential(key, each)),
  );
}

const hidesInWords = (words: readonly unknown[]): boolean =>
  words.some(
    (word, index) => typeof word === "string" && (isCredentialOption(word) || isOptionValue(words[index - 1], word)),
  );
