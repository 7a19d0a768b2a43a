import type {AppName} from '../../schemas/ids.ts';
import {countDuration, noDurations, quantileMs} from './durations.ts';

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
      piece = {number, requests: 0, failures: 0, durations: noDurations()};
      pieces.push(piece);
      while (pieces.length > 0 && (pieces[0]?.number ?? 0) <= number - PIECES_MAX) pieces.shift();
    }
    piece.requests += 1;
    countDuration(piece.durations, durationMs);
    if (status >= 500) piece.failures += 1;
  }

  /** Since a moment, to within five seconds; at most of the last quarter of an hour. */
  figures(app: AppName, spec: string, sinceMs: number): RequestFigures {
    const pieces = (this.#pieces.get(keyOf(app, spec)) ?? []).filter(({number}) => (number + 1) * PIECE_MS > sinceMs);
    const requests = pieces.reduce((sum, piece) => sum + piece.requests, 0);
    const failures = pieces.reduce((sum, piece) => sum + piece.failures, 0);
    return {requests, failures, p95Ms: quantileMs(pieces.map(({durations}) => durations), 0.95)};
  }

  /** Forgets specs that had no requests for a quarter of an hour. */
  forgetOld(nowMs: number): void {
    for (const [key, pieces] of this.#pieces) if ((pieces.at(-1)?.number ?? 0) <= nowMs / PIECE_MS - PIECES_MAX) this.#pieces.delete(key);
  }
}

function keyOf(app: AppName, spec: string): string {
  return `${app} ${spec}`;
}
