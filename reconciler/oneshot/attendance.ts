/** Names of runs that somebody is connected to: the pass leaves these alone, and ends all others that are not detached. */
export class Attendance {
  readonly #names = new Set<string>();
  readonly #onEnd: () => void;

  /** `onEnd` is called when somebody has gone. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Lasts until the answer is called. */
  begin(name: string): () => void {
    this.#names.add(name);
    return () => {
      if (this.#names.delete(name)) this.#onEnd();
    };
  }
}
