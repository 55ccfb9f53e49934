/** However often somebody asks to stop: `work` is told once, and ends as it sees fit. */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>, say: () => void): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    say();
    controller.abort();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  // A terminal that was closed takes no more words; that ends nothing.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
