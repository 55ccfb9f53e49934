/** Exit codes of every hermes command. */
export const EXIT = {
  ok: 0,
  /** The user's input is wrong. */
  input: 1,
  usage: 2,
  /** Something is unhealthy, or a check failed. */
  unhealthy: 3,
  /** A policy or a guard refused. */
  refused: 4,
  /** The cloud or the network failed. */
  cloud: 5,
  interrupted: 130,
} as const;

/** An error for people: a message that says what to do, and the exit code. Printed without a stack. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly code: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Two aligned columns, as `hermes status` prints them. */
export function table(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width + 2)}${value}`).join("\n");
}

/** Steps of a long command on stderr, each with its own time when it ends. */
export class Progress {
  private current: { label: string; started: number } | undefined;
  /** Seconds of each ended step, in their order. */
  readonly steps: { label: string; seconds: number }[] = [];

  constructor(private readonly write: (text: string) => void = (text) => void process.stderr.write(text)) {}

  begin(label: string): void {
    this.end();
    this.current = { label, started: Date.now() };
    this.write(`${label} …\n`);
  }

  /** More about the running step. */
  detail(text: string): void {
    const seconds = this.current === undefined ? "" : ` ${elapsed(this.current.started)}`;
    this.write(`  ${text}${seconds}\n`);
  }

  end(): void {
    if (this.current === undefined) return;
    const seconds = (Date.now() - this.current.started) / 1000;
    this.steps.push({ label: this.current.label, seconds });
    this.write(`  done in ${seconds.toFixed(1)} s\n`);
    this.current = undefined;
  }
}

const elapsed = (since: number): string => `(${((Date.now() - since) / 1000).toFixed(0)} s)`;
