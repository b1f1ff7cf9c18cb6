/**
 * `work` for every item, up to `limit` at a time; the results in the order of the items, each as soon as it and all
 * before it are there. The first failure ends it, once what is under way has ended.
 */
export async function* concurrently<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = [];
  const iterator = items[Symbol.iterator]();
  const start = (): void => {
    const next = iterator.next();
    if (next.done === true) return;
    const result = work(next.value);
    // It is awaited in its turn; until then a failure is nobody's.
    result.catch(() => {});
    underWay.push(result);
  };
  for (let i = 0; i < limit; i++) start();
  try {
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) {
      const result = await first;
      start();
      yield result;
    }
  } finally {
    await Promise.allSettled(underWay);
  }
}
