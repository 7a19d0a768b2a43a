/** What was read last, until somebody says that it has changed. What was being read at that time is not remembered: it may be of before. */
export class Remembered<Value> {
  #value: Value | undefined;
  #changes = 0;

  /** Undefined: it has to be read (again). */
  get value(): Value | undefined {
    return this.#value;
  }

  /** To be called after the change. */
  forget(): void {
    this.#changes += 1;
    this.#value = undefined;
  }

  /** To be called before reading; what was read is told to the answer. */
  reading(): (value: Value) => void {
    const changes = this.#changes;
    return (value) => {
      if (changes === this.#changes) this.#value = value;
    };
  }
}
