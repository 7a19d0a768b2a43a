/**
 * Tells how many lines of a container's log the engine seems to have skipped. It keeps two files; a reader that is behind when both
 * have been replaced goes on with the newest, and is told nothing (26.1.5, tried with 110,000 lines a second). What can be seen of it is a hole
 * in time, where we were behind, after at least half a file without one; how many lines were in it, from how fast they came before it. What comes
 * behind the hole may be quite new. Whether it was only a pause, who asks the engine again can tell.
 */
export class LostLines {
  readonly #fileBytes: number;
  #bytes = 0;
  #lines = 0;
  #firstMs = 0;
  #lastMs = 0;
  /** When the last line came. */
  #cameMs = 0;

  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** Called with each line as the engine gives it. Answers how many are missing before it, about; mostly none. */
  see(line: Buffer, nowMs: number): number {
    const atMs = millisecondsOf(line);
    // Midnight, or an engine that sets its clock back.
    const holeMs = Math.max(0, atMs - this.#lastMs);
    let lost = 0;
    if (this.#lines > 0 && holeMs >= HOLE_MS_MIN) {
      const isBehind = this.#cameMs - this.#lastMs >= BEHIND_MS_MIN;
      if (isBehind && this.#bytes >= this.#fileBytes / 2) lost = Math.round(this.#lines / Math.max(1, this.#lastMs - this.#firstMs) * holeMs);
      this.#lines = 0;
      this.#bytes = 0;
    }
    if (this.#lines === 0) this.#firstMs = atMs;
    this.#lines += 1;
    this.#bytes += line.length + JSON_BYTES;
    this.#lastMs = atMs;
    this.#cameMs = nowMs % DAY_MS;
    return lost;
  }
}

const HOLE_MS_MIN = 50;
const BEHIND_MS_MIN = 50;
const DAY_MS = 24 * 60 * 60_000;
/** What the engine's file has for a line beyond what it tells: `{"log":"…\n","stream":"stdout","time":"…"}`. */
const JSON_BYTES = 39;
const ZERO = '0'.charCodeAt(0);

/** Of the day, from `2026-11-25T19:54:23.123…`: by digits, because this is done for each line. */
function millisecondsOf(line: Buffer): number {
  const two = (at: number) => ((line[at] ?? ZERO) - ZERO) * 10 + (line[at + 1] ?? ZERO) - ZERO;
  return ((two(11) * 60 + two(14)) * 60 + two(17)) * 1000 + two(20) * 10 + (line[22] ?? ZERO) - ZERO;
}
