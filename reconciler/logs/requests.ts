import type {AppName} from '../../schemas/ids.ts';

/** What the replicas of one spec answered within some time. */
export interface RequestFigures {
  readonly requests: number;
  /** Answers 500 to 599, and requests that no replica answered. */
  readonly failures: number;
  /** 95 of 100 were answered within it, to within 10 %. Undefined without requests. */
  readonly p95Ms: number | undefined;
}

export interface CountedRequest {
  readonly app: AppName;
  /** Hash of what the replica was made from: a changed configuration is told apart from the one before, too. */
  readonly spec: string;
  readonly status: number;
  readonly durationMs: number;
  readonly atMs: number;
}

/** Requests are counted in pieces of this length, for so many pieces: a quarter of an hour. */
const PIECE_MS = 5_000;
const PIECES_MAX = 180;
/** Classes of durations: each is 10 % longer than the one before, from 1 ms to ten minutes. */
const CLASSES = 142;
const GROWTH = 1.1;

interface Piece {
  readonly number: number;
  requests: number;
  failures: number;
  readonly durations: Uint32Array;
}

/** Requests by app and spec, of the last quarter of an hour, from the router's access log. In memory only: a restart begins anew. */
export class RequestCounters {
  readonly #pieces = new Map<string, Piece[]>();

  add({app, spec, status, durationMs, atMs}: CountedRequest): void {
    const number = Math.floor(atMs / PIECE_MS);
    const key = keyOf(app, spec);
    const pieces = this.#pieces.get(key) ?? [];
    if (pieces.length === 0) this.#pieces.set(key, pieces);
    let piece = pieces.findLast((one) => one.number === number);
    if (piece === undefined) {
      piece = {number, requests: 0, failures: 0, durations: new Uint32Array(CLASSES)};
      pieces.push(piece);
      while (pieces.length > 0 && (pieces[0]?.number ?? 0) <= number - PIECES_MAX) pieces.shift();
    }
    const durationClass = Math.max(0, Math.min(CLASSES - 1, Math.ceil(Math.log(Math.max(1, durationMs)) / Math.log(GROWTH))));
    piece.requests += 1;
    piece.durations[durationClass] = (piece.durations[durationClass] ?? 0) + 1;
    if (status >= 500) piece.failures += 1;
  }

  /** Since a moment, to within five seconds; at most of the last quarter of an hour. */
  figures(app: AppName, spec: string, sinceMs: number): RequestFigures {
    const pieces = (this.#pieces.get(keyOf(app, spec)) ?? []).filter(({number}) => (number + 1) * PIECE_MS > sinceMs);
    const requests = pieces.reduce((sum, piece) => sum + piece.requests, 0);
    const failures = pieces.reduce((sum, piece) => sum + piece.failures, 0);
    let seen = 0;
    for (let durationClass = 0; requests > 0 && durationClass < CLASSES; durationClass++) {
      seen += pieces.reduce((sum, {durations}) => sum + (durations[durationClass] ?? 0), 0);
      if (seen >= requests * 0.95) return {requests, failures, p95Ms: Math.round(GROWTH ** durationClass * 10) / 10};
    }
    return {requests, failures, p95Ms: undefined};
  }

  /** Forgets specs that had no requests for a quarter of an hour. */
  forgetOld(nowMs: number): void {
    for (const [key, pieces] of this.#pieces) if ((pieces.at(-1)?.number ?? 0) <= nowMs / PIECE_MS - PIECES_MAX) this.#pieces.delete(key);
  }
}

function keyOf(app: AppName, spec: string): string {
  return `${app} ${spec}`;
}
