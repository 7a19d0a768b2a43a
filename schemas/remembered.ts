/** Larger arguments are not kept, in characters. */
const KEY_LENGTH_MAX = 32 * 1024;

/**
 * Keeps what was found out last, by the text that it was found out of: the most recent, as many as their texts are at most `lengthMax` characters together. Only for
 * functions that are pure, of answers that nobody changes.
 */
export class Remembered<Value> {
  readonly #lengthMax: number;
  /** The one that was asked for longest ago is the first. */
  readonly #values = new Map<string, Value>();
  #length = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  get(key: string, findOut: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) this.#values.delete(key);
    const value = known ?? findOut();
    if (key.length > KEY_LENGTH_MAX) return value;
    this.#values.set(key, value);
    if (known === undefined) this.#length += key.length;
    while (this.#length > this.#lengthMax) this.#forgetOldest();
    return value;
  }

  #forgetOldest(): void {
    const [oldest = ''] = this.#values.keys();
    this.#values.delete(oldest);
    this.#length -= oldest.length;
  }
}
