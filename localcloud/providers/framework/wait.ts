/** Pauses, or rejects as soon as the run is cancelled. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Error("cancelled"));
    const done = () => {
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(new Error("cancelled"));
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}

const POLL_MS = 1000;

/**
 * Asks until the answer is there. The official provider sleeps 10 s before its first question and 3 to 10 s between
 * them; here it is one second, since the emulated cloud is near and the developer waits.
 */
export async function poll<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() + POLL_MS > deadline) throw new Error(`timeout while waiting for ${what}`);
    await pause(POLL_MS, options.signal);
  }
}
