/** The engine gives the program its configuration in these, secrets decrypted. */
const DECRYPTED = ["PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS"];

/** What a program needs in order to run and to reach the network, and nothing that opens an account. */
const HARMLESS =
  /^(PATH|PATHEXT|HOME|USER|LOGNAME|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|COMSPEC|TMPDIR|TEMP|TMP|LANG|LC_\w+|XDG_\w+|(HTTPS?|NO|ALL)_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|NPM_CONFIG_\w+)$/i;

/** Environment of a child that is the engine's own command: it needs the backend's credentials and the passphrase. */
export const engineChildEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !DECRYPTED.includes(name)));

/** Environment of any other child of the program: no secret, no token, no passphrase. */
export const plainChildEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => HARMLESS.test(name)));
