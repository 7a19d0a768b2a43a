import type {Engine} from '../adapters/engine.ts';
import type {ObservedJob} from '../observed/state.ts';

/** Lines of one release command that are told to who waits for it; the others are in its log. */
const LINES_MAX = 5_000;
/** How long the last lines of a command that has ended may take to come, in milliseconds. */
const LAST_LINES_MS_MAX = 5_000;

/** Tells what a deploy's release command writes, while it writes it. */
export class ReleaseOutput {
  readonly #engine: Engine;
  readonly #print: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly #followed = new Map<string, Promise<void>>();
  /** What is said in its turn. */
  #said: Promise<void> = Promise.resolve();

  constructor({engine, print, signal}: {readonly engine: Engine; readonly print: (line: string) => void; readonly signal: AbortSignal}) {
    this.#engine = engine;
    this.#print = print;
    this.#signal = signal;
  }

  /** How far the deploy has come: told after what the commands that were seen before wrote, which the engine may be slower to bring. */
  say(line: string): void {
    if (this.#followed.size === 0) return this.#print(line);
    this.#said = Promise.all([this.#said, this.#allFollowed()]).then(() => {
      if (!this.#signal.aborted) this.#print(line);
    });
  }

  /** Called again and again with the command's container as it is then. */
  see({id, state}: ObservedJob): void {
    if (state !== 'created' && !this.#followed.has(id)) this.#followed.set(id, this.#follow(id));
  }

  /** Resolves when all that the commands wrote has been told, and what was said, or soon after: whoever waits for a deploy does not wait for that. */
  async settled(): Promise<void> {
    await this.#allFollowed();
    await this.#said;
  }

  async #allFollowed(): Promise<void> {
    await Promise.race([Promise.all(this.#followed.values()), new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS_MAX).unref())]);
  }

  hasTold(id: string): boolean {
    return this.#followed.has(id);
  }

  async #follow(id: string): Promise<void> {
    let count = 0;
    try {
      for await (const {text} of this.#engine.logs(id, {tail: LINES_MAX, follow: true}, this.#signal)) {
        count += 1;
        if (count > LINES_MAX) break;
        this.#print(text);
      }
      if (count > LINES_MAX) this.#print(`(more than ${LINES_MAX} lines: the rest is in its log)`);
    } catch (error) {
      if (!this.#signal.aborted) this.#print(`(its output can't be read: ${error instanceof Error ? error.message : String(error)})`);
    }
  }
}
