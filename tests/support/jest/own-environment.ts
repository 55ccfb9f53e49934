/**
 * Unit tests see none of the operator's variables: whoever runs them may have a passphrase, a token or a backend exported,
 * which the program would rightly take into account.
 */
const OPERATORS = /^(PULUMI|DIGITALOCEAN|TAILSCALE|AWS)_|(TOKEN|SECRET|PASSWORD|PASSPHRASE|KEY|CREDENTIALS)$/;

for (const name of Object.keys(process.env)) if (OPERATORS.test(name)) delete process.env[name];

export {};
