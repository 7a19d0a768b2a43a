import {orAborted} from '../mutex.ts';

interface Going<Value> {
  readonly value: Promise<Value>;
  /** Aborted: nobody waits for it any more, and it is being cleared away. */
  readonly controller: AbortController;
  waiters: number;
}

export interface Wanted<Value> {
  begin(signal: AbortSignal): Promise<Value>;
  /** Somebody else has begun it already. */
  onJoin(): void;
}

/** Work that is done once for all who want the same at the same time: begun for the first of them, given up when none of them waits for it any more. */
export class SharedWork<Value> {
  readonly #going = new Map<string, Going<Value>>();

  /** Rejects as the work does, or when the signal is aborted. */
  async join(key: string, wanted: Wanted<Value>, signal: AbortSignal): Promise<Value> {
    // What is given up clears away what goes by the same name: the next one begins when that is done.
    for (let before = this.#going.get(key); before?.controller.signal.aborted === true; before = this.#going.get(key)) await orAborted(before.value.then(() => {}, () => {}), signal);
    signal.throwIfAborted();
    const known = this.#going.get(key);
    if (known !== undefined) wanted.onJoin();
    const going = known ?? this.#begin(key, wanted);
    going.waiters += 1;
    try {
      return await orAborted(going.value, signal);
    } finally {
      going.waiters -= 1;
      if (going.waiters === 0) going.controller.abort(new Error('nobody waits for it any more'));
    }
  }

  #begin(key: string, {begin}: Wanted<Value>): Going<Value> {
    const controller = new AbortController();
    const value = begin(controller.signal).finally(() => this.#going.delete(key));
    value.catch(() => {}); // Heard of by those who wait for it.
    const going = {value, controller, waiters: 0};
    this.#going.set(key, going);
    return going;
  }
}
