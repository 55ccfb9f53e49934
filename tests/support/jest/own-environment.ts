/**
 * Unit tests see none of the operator's variables: the person who runs them may have exported a passphrase, a token or a
 * backend, which the program would rightly take into account.
 */
const OPERATORS = /^(PULUMI|DIGITALOCEAN|TAILSCALE|AWS)_|(TOKEN|SECRET|PASSWORD|PASSPHRASE|KEY|CREDENTIALS)$/;

for (const name of Object.keys(process.env)) if (OPERATORS.test(name)) delete process.env[name];

export {};
