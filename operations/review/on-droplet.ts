// hermes-apply's own rule of what a changed file brings, so that a report never says anything else.
// Its files name each other with their ending, as Node on the droplet wants it; this project's compiler would refuse
// that, so it does not follow: gateway/apply/tsconfig.json checks them.

export interface Effects {
  nftables: boolean;
  agent: boolean;
  backupTimer: boolean;
  swap: boolean;
  volume: boolean;
  journald: boolean;
  gateway: "restart" | "reload" | "none";
}

interface Wanted {
  kind: "absent" | "file" | "link";
  content?: Buffer;
  target?: string;
}

type EffectsOf = (changes: { path: string; wanted: Wanted }[], inEnvironment: string[], differs: boolean) => Effects;

// eslint-disable-next-line @typescript-eslint/no-require-imports
const { effectsOf } = require("../../gateway/apply/effects") as { effectsOf: EffectsOf };

export { effectsOf };
