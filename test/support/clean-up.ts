/** What is to be undone after all tests of a file, the last first; stands for a test's own `t` where several tests share something. */
export function cleanUp(): {teardown(undo: () => unknown): void; run(): Promise<void>} {
  const all: (() => unknown)[] = [];
  return {
    teardown: (undo) => void all.push(undo),
    run: async () => {
      for (const undo of all.splice(0).toReversed()) await undo();
    },
  };
}
