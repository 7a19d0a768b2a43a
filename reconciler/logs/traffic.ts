import type {AppName} from '../../schemas/ids.ts';
import type {AccessEntry} from './access-log.ts';
import {countDuration, noDurations, quantileMs} from './durations.ts';

/** What one replica of an app has answered since the counting began, or what none of its replicas has. */
export interface TrafficFigures {
  readonly app: AppName;
  /** `web.1`, whichever container and release it was. Absent: no replica got it, or which one is not known. */
  readonly replica?: string;
  readonly requests: number;
  /** Of these, those that were over in the last minute. */
  readonly requestsOfLastMinute: number;
  /** By the first digit of their status: `2xx`. Only those that there were. */
  readonly statuses: Readonly<Record<string, number>>;
  /** By Heroku's code: `H14`. Only those that there were. */
  readonly errors: Readonly<Record<string, number>>;
  /** Bodies only. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How many answers had begun within so many milliseconds, one for each of `ANSWER_BOUNDS_MS`; the rest took longer. */
  readonly answeredWithin: readonly number[];
  /** Of all requests together. */
  readonly answerMsSum: number;
  /** Half of the answers had begun by then, and 95 of 100, to within 10 %. Absent: there are none. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
}

/** Bounds of the classes of times until an answer began: Prometheus' own, and 30 s, which is Heroku's limit. */
export const ANSWER_BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000] as const;

/** Replicas of all apps that are counted. Beyond that, the one that had no request for the longest time is forgotten. */
const SERIES_MAX = 10_000;
/** A replica without a request for so long is forgotten: most such are none any more. */
const KEPT_MS = 24 * 60 * 60_000;
const PIECE_MS = 5_000;
const PIECES = 12;

interface Series {
  readonly app: AppName;
  readonly replica: string | undefined;
  requests: number;
  readonly statuses: Map<string, number>;
  readonly errors: Map<string, number>;
  bytesIn: number;
  bytesOut: number;
  readonly classes: number[];
  answerMsSum: number;
  readonly durations: Uint32Array;
  lastAtMs: number;
  /** Requests of the last minute, in a ring: which piece of time each is of, and how many. */
  readonly pieces: {number: number; requests: number}[];
}

export interface CountedAnswer extends Pick<AccessEntry, 'status' | 'bytes' | 'bytesIn' | 'answerMs' | 'failure'> {
  readonly app: AppName;
  readonly replica?: string;
  readonly atMs: number;
}

/** Requests by app and replica, as the router's access log tells of them. In memory only: a restart begins with nothing. */
export class Traffic {
  readonly #series = new Map<string, Series>();
  readonly #max: number;

  constructor(seriesMax = SERIES_MAX) {
    this.#max = seriesMax;
  }

  add({app, replica, atMs, status, bytes, bytesIn, answerMs, failure}: CountedAnswer): void {
    const series = this.#seriesOf(app, replica);
    series.requests += 1;
    increase(series.statuses, `${Math.trunc(status / 100)}xx`);
    if (failure?.code !== undefined) increase(series.errors, failure.code);
    series.bytesIn += bytesIn;
    series.bytesOut += bytes;
    const found = ANSWER_BOUNDS_MS.findIndex((bound) => answerMs <= bound);
    const index = found === -1 ? ANSWER_BOUNDS_MS.length : found;
    series.classes[index] = (series.classes[index] ?? 0) + 1;
    series.answerMsSum += answerMs;
    countDuration(series.durations, answerMs);
    series.lastAtMs = Math.max(series.lastAtMs, atMs);
    const number = Math.floor(atMs / PIECE_MS);
    const piece = series.pieces[number % PIECES];
    if (piece !== undefined && piece.number === number) piece.requests += 1;
    else if (piece === undefined || piece.number < number) series.pieces[number % PIECES] = {number, requests: 1};
  }

  /** Sorted by app and replica. */
  figures(nowMs: number): readonly TrafficFigures[] {
    const oldest = Math.floor(nowMs / PIECE_MS) - PIECES;
    return [...this.#series.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, series]) => {
      const {app, replica, requests, bytesIn, bytesOut, answerMsSum, classes, durations} = series;
      const [p50Ms, p95Ms] = [quantileMs([durations], 0.5), quantileMs([durations], 0.95)];
      return {
        app,
        ...(replica !== undefined && {replica}),
        requests,
        requestsOfLastMinute: series.pieces.reduce((sum, piece) => sum + (piece.number > oldest ? piece.requests : 0), 0),
        statuses: Object.fromEntries([...series.statuses].toSorted()),
        errors: Object.fromEntries([...series.errors].toSorted()),
        bytesIn, bytesOut, answerMsSum,
        answeredWithin: ANSWER_BOUNDS_MS.map((_, index) => sumTo(classes, index)),
        ...(p50Ms !== undefined && {p50Ms}),
        ...(p95Ms !== undefined && {p95Ms}),
      };
    });
  }

  /** Forgets replicas without a request for a day. */
  forgetOld(nowMs: number): void {
    for (const [key, {lastAtMs}] of this.#series) if (lastAtMs < nowMs - KEPT_MS) this.#series.delete(key);
  }

  #seriesOf(app: AppName, replica: string | undefined): Series {
    const key = `${app} ${replica ?? ''}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= this.#max) this.#forgetOne();
    const made: Series = {
      app, replica, requests: 0, statuses: new Map(), errors: new Map(), bytesIn: 0, bytesOut: 0,
      classes: new Array<number>(ANSWER_BOUNDS_MS.length + 1).fill(0), answerMsSum: 0, durations: noDurations(), lastAtMs: 0, pieces: [],
    };
    this.#series.set(key, made);
    return made;
  }

  #forgetOne(): void {
    let oldest: readonly [string, number] | undefined;
    for (const [key, {lastAtMs}] of this.#series) if (oldest === undefined || lastAtMs < oldest[1]) oldest = [key, lastAtMs];
    if (oldest !== undefined) this.#series.delete(oldest[0]);
  }
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sumTo(classes: readonly number[], index: number): number {
  return classes.slice(0, index + 1).reduce((sum, count) => sum + count, 0);
}
