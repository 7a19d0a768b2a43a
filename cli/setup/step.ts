/** One thing that has to be so before a node can run. */
export interface Step {
  readonly title: string;
  /** What is already so, in a few words; undefined when there is something to do. Changes nothing. Throws `Failure` when it can't be. */
  check(signal: AbortSignal): Promise<string | undefined>;
  /** Makes it so, and resolves to what it is now, in a few words. Safe to repeat after being killed half-way. */
  do(print: (line: string) => void, signal: AbortSignal): Promise<string>;
}

interface Reporter {
  print(line: string): void;
  nowMs(): number;
}

const ANNOUNCE_MS = 300;

/** Each step in turn, told in one line (`[3/9] Docker Engine … installed 26.1.5 (12 s)`); the first that fails ends it. */
export async function runSteps(steps: readonly Step[], {print, nowMs}: Reporter, signal: AbortSignal): Promise<void> {
  for (const [index, step] of steps.entries()) {
    signal.throwIfAborted();
    const name = `[${index + 1}/${steps.length}] ${step.title} …`;
    const already = await step.check(signal).catch((error: unknown) => {
      print(`${name} failed`);
      throw error;
    });
    if (already !== undefined) {
      print(`${name} ${already}`);
      continue;
    }
    const beganMs = nowMs();
    // A step that is done at once needs one line only.
    let isAnnounced = false;
    const announce = () => {
      if (!isAnnounced) print(name);
      isAnnounced = true;
    };
    const timer = setTimeout(announce, ANNOUNCE_MS);
    const outcome = await step.do((line) => {
      announce();
      print(`      ${line}`);
    }, signal).finally(() => clearTimeout(timer)).catch((error: unknown) => {
      print(`${name} failed (${seconds(nowMs() - beganMs)})`);
      throw error;
    });
    print(`${name} ${outcome} (${seconds(nowMs() - beganMs)})`);
  }
}

export function seconds(durationMs: number): string {
  return durationMs < 10_000 ? `${(durationMs / 1000).toFixed(1)} s` : `${Math.round(durationMs / 1000)} s`;
}
