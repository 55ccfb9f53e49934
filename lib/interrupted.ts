/** However often somebody asks to stop: `work` is told once, and ends as it sees fit. */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>, say: () => void): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    say();
    controller.abort();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
