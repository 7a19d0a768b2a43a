import http from 'node:http';
import https from 'node:https';
import {setTimeout as pause} from 'node:timers/promises';
import tls from 'node:tls';
import {anySignal} from '../any-signal.ts';

/** How long one answer may take, in milliseconds. */
const ANSWER_MS_MAX = 20_000;
/** Longest answer that is read: a page of a hundred pull requests with all that GitHub says of each is some 2 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** Tries of what may be asked again, the pauses between them growing. */
const TRIES_MAX = 4;
const PAUSE_MS_FIRST = 1_000;
/** A forge that wants us to come back later than this is left alone until then. */
const PAUSE_MS_MAX = 30_000;
/** When a forge says "too much" and not until when, in milliseconds. */
const BUSY_MS_DEFAULT = 60_000;
/** Pages of one list. */
const PAGES_MAX = 20;
/** Answers that are kept for conditional questions; the oldest goes first. */
const KEPT_MAX = 200;
/** Most that is quoted of a forge's words. */
const QUOTE_LENGTH_MAX = 300;

/** What the forge says is an answer, and so is that it can't be reached. The message is for people, and never has the token. */
export class ForgeFailed extends Error {
  override name = 'ForgeFailed';
  /** Of HTTP; absent: there was no answer. */
  readonly status: number | undefined;
  /** Milliseconds since 1970 before which the forge does not want to be asked again. Absent: it did not say so. */
  readonly notBeforeMs: number | undefined;
  /** In its own words; empty: it said nothing. */
  readonly said: string;

  constructor(message: string, {status, notBeforeMs, said = '', cause}: {readonly status?: number | undefined; readonly notBeforeMs?: number; readonly said?: string; readonly cause?: unknown} = {}) {
    super(message, {cause});
    this.status = status;
    this.notBeforeMs = notBeforeMs;
    this.said = said;
  }
}

export interface ForgeHttpParts {
  /** What people call it: `GitHub`. */
  readonly name: string;
  /** Of the API, without a slash at its end. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What no error may quote. */
  readonly token: string;
  /** What its 401, 403 and 404 mean, for people: which rights the token needs. */
  readonly advice: string;
}

export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Below the base, with its query. */
  readonly path: string;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly json: unknown;
}

/**
 * Asks the JSON API of a forge. What only asks or sets (GET, PUT, PATCH) is tried again when the forge is out of order or can't be reached. A POST is tried again only
 * when the forge has said that it did not take it: after a lost answer the caller has to look first. Redirects are not followed, so the token goes nowhere else.
 */
export class ForgeHttp {
  readonly #parts: ForgeHttpParts;
  readonly #kept = new Map<string, {readonly etag: string; readonly answer: Answer}>();

  constructor(parts: ForgeHttpParts) {
    this.#parts = parts;
  }

  /**
   * All pages of a list, at most twenty. Which one is next says the query of `Link` (RFC 8288), and only that: forges write there what they are called by (Gitea's ROOT_URL,
   * GitLab's external_url), which need not be where we reach them, and the token goes nowhere else.
   */
  async all(path: string, signal: AbortSignal): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    let next: string | undefined = path;
    for (let page = 0; page < PAGES_MAX && next !== undefined; page += 1) {
      const {json, headers} = await this.ask({method: 'GET', path: next}, signal);
      if (!Array.isArray(json)) throw new ForgeFailed(`${this.#parts.name} answered ${withoutQuery(path)} with something that is no list`);
      items.push(...json);
      next = nextOf(path, headers.link);
    }
    return items;
  }

  /** @throws {ForgeFailed} for every answer that is no success */
  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const kept = question.method === 'GET' ? this.#kept.get(question.path) : undefined;
    const answer = await this.#answerTo(question, kept?.etag, signal);
    if (answer.status === 304 && kept !== undefined) return kept.answer;
    if (answer.status < 200 || answer.status >= 300) throw this.#refused(question, answer);
    const {etag} = answer.headers;
    if (question.method === 'GET' && etag !== undefined) this.#keep(question.path, {etag, answer});
    return answer;
  }

  async #answerTo(question: Question, etag: string | undefined, signal: AbortSignal): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      const pauseMs = PAUSE_MS_FIRST * 2 ** (tries - 1) * (0.75 + Math.random() / 2);
      try {
        const answer = await this.#send(question, etag, signal);
        const busyMs = busyFor(answer, Date.now());
        const isBroken = answer.status >= 500 && question.method !== 'POST';
        if (busyMs === undefined && !isBroken) return answer;
        if (busyMs !== undefined && (busyMs > PAUSE_MS_MAX || tries >= TRIES_MAX)) throw this.#busy(question, busyMs);
        if (tries >= TRIES_MAX) return answer;
        await pause(busyMs ?? pauseMs, undefined, {signal});
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ForgeFailed) throw error;
        if (question.method === 'POST' || tries >= TRIES_MAX) throw new ForgeFailed(`${this.#parts.name} can't be reached: ${messageOf(error)}`, {cause: error});
        await pause(pauseMs, undefined, {signal});
      }
    }
  }

  #send({method, path, body}: Question, etag: string | undefined, signal: AbortSignal): Promise<Answer> {
    const url = new URL(`${this.#parts.base}${path}`);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...this.#parts.headers,
      'user-agent': 'flynn',
      ...(text !== undefined && {'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text))}),
      ...(etag !== undefined && {'if-none-match': etag}),
    };
    const {promise, resolve, reject} = Promise.withResolvers<Answer>();
    const options = {method, headers, agent: false, signal: anySignal([signal, AbortSignal.timeout(ANSWER_MS_MAX)])} as const;
    // This machine's certificates count, as they do for git.
    const request = url.protocol === 'http:' ? http.request(url, options) : https.request(url, {...options, ca: [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]});
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error(`its answer is longer than ${ANSWER_BYTES_MAX / 1024 / 1024} MB`));
        else chunks.push(chunk);
      }).on('error', reject).on('end', () => resolve({status: response.statusCode ?? 0, headers: response.headers, json: parsed(Buffer.concat(chunks).toString('utf8'))}));
    });
    request.end(text);
    return promise;
  }

  #refused({method, path}: Question, {status, headers, json}: Answer): ForgeFailed {
    const {name, advice} = this.#parts;
    const said = this.#quoted(json);
    const asked = `${method} ${withoutQuery(path)}`;
    const message = status === 401 ? `${name} does not know the token, or it has expired (${said}): flynn forge set takes another one`
      : status === 403 ? `${name} does not let the token do ${asked} (${said}): ${advice}`
      : status === 404 ? `${name} has nothing at ${asked}, or does not show it to the token: ${advice}`
      : status >= 300 && status < 400 ? `${name} says that ${asked} has moved${headers.location === undefined ? '' : ` to ${URL.parse(headers.location)?.host ?? 'elsewhere'}`}: set forge.url and forge.repository to where it is now`
      : status >= 500 ? `${name} is out of order (${status} to ${asked})`
      : `${name} refused ${asked} with ${status} (${said})`;
    return new ForgeFailed(message, {status, said});
  }

  #busy({method, path}: Question, forMs: number): ForgeFailed {
    return new ForgeFailed(`${this.#parts.name} answers no more questions for ${Math.ceil(forMs / 1000)} s (${method} ${withoutQuery(path)})`, {status: 429, notBeforeMs: Date.now() + forMs});
  }

  #quoted(json: unknown): string {
    const text = wordsIn(json).join('; ').replaceAll(/\p{Cc}+/gu, ' ').replaceAll(this.#parts.token, '…');
    return text === '' ? 'it says no more' : text.slice(0, QUOTE_LENGTH_MAX);
  }

  #keep(path: string, kept: {readonly etag: string; readonly answer: Answer}): void {
    this.#kept.delete(path);
    this.#kept.set(path, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** @param path  of the list's first page */
function nextOf(path: string, link: string | readonly string[] | undefined): string | undefined {
  const [, target] = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec([link ?? ''].flat().join(', ')) ?? [];
  const query = target === undefined ? undefined : URL.parse(target, 'http://localhost/')?.search;
  return query === undefined ? undefined : `${withoutQuery(path)}${query}`;
}

/**
 * For how many milliseconds the forge takes nothing; undefined: it took the question, whatever it says to it. GitHub's limits for what comes too fast, "secondary" ones, are told with 403
 * or 429, and perhaps only in words: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
function busyFor({status, headers, json}: Answer, nowMs: number): number | undefined {
  const retryAfter = headers['retry-after'];
  const isLimit = status === 403 && (retryAfter !== undefined || headers['x-ratelimit-remaining'] === '0' || /rate limit/i.test(wordsIn(json).join(' ')));
  if (status !== 429 && !isLimit && !(status === 503 && retryAfter !== undefined)) return undefined;
  if (retryAfter !== undefined) {
    const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - nowMs;
    if (Number.isFinite(ms)) return Math.max(0, ms);
  }
  // GitHub's way, and GitLab's: seconds since 1970. It is about another limit while something of that is left.
  const isLeft = (headers['x-ratelimit-remaining'] ?? '0') !== '0';
  const reset = Number(headers['x-ratelimit-reset'] ?? headers['ratelimit-reset']);
  return !isLeft && Number.isFinite(reset) && reset > 0 ? Math.max(0, reset * 1000 - nowMs) : BUSY_MS_DEFAULT;
}

/** GitHub: `message` and `errors[].message`; GitLab: `message` (a text, a list, or an object of lists) or `error`; Gitea: `message`. */
function wordsIn(json: unknown): readonly string[] {
  if (typeof json === 'string') return [json];
  if (Array.isArray(json)) return json.flatMap(wordsIn);
  if (typeof json !== 'object' || json === null) return [];
  const {message, error, error_description: description, errors} = json as Readonly<Record<string, unknown>>;
  const known = [message, error, description, errors].filter((one) => one !== undefined);
  return known.length > 0 ? known.flatMap(wordsIn) : Object.values(json).flatMap(wordsIn);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy in between answers in HTML.
    return undefined;
  }
}

function withoutQuery(path: string): string {
  return path.split('?')[0] ?? path;
}

function messageOf(error: unknown): string {
  const {message, name, code} = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || name === 'TimeoutError') return `it did not answer within ${ANSWER_MS_MAX / 1000} s`;
  return message === '' ? code ?? 'no answer' : message;
}
