/** Runs `task` for all items, at most `max` at once. All are tried; the first failure is thrown when all have ended. */
export async function inParallel<Item>(items: readonly Item[], max: number, task: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await task(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({length: Math.min(max, items.length)}, worker));
  if (failures.length > 0) throw failures[0];
}
