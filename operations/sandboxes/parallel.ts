/** What became of one of many. */
export type Settled<R> = { ok: true; value: R } | { ok: false; error: Error };

/** At most `limit` at a time, in their order; none that fails keeps another from its turn. */
export async function settleAll<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<Settled<R>[]> {
  const settled: Settled<R>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++)
      settled[index] = await work(items[index] as T).then(
        (value): Settled<R> => ({ ok: true, value }),
        (error: Error): Settled<R> => ({ ok: false, error }),
      );
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return settled;
}
