/**
 * Passes values on one at a time: the next one goes when the one before has arrived, so the last one given is the last to arrive. Two calls
 * under way at once may overtake each other. Of values that come while one is under way only the last is passed on. Each call ends when
 * nothing is left to pass on, as the last one did.
 */
export function latestLast<Value>(passOn: (value: Value, signal: AbortSignal) => Promise<void>): (value: Value, signal: AbortSignal) => Promise<void> {
  const waiting: {readonly value: Value; readonly signal: AbortSignal}[] = [];
  let passing: Promise<void> | undefined;
  const passAll = async () => {
    try {
      for (let last = waiting.pop(); last !== undefined; last = waiting.pop()) {
        waiting.length = 0;
        await passOn(last.value, last.signal).catch((error: unknown) => {
          if (waiting.length === 0) throw error;
        });
      }
    } finally {
      passing = undefined;
    }
  };
  return (value, signal) => {
    waiting.push({value, signal});
    passing ??= passAll();
    return passing;
  };
}
