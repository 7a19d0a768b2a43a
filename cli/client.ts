import {randomUUID} from 'node:crypto';
import path from 'node:path';
import type {IncomingMessage} from 'node:http';
import type {Readable} from 'node:stream';
import type {WebSocket} from 'ws';
import {anySignal} from '../reconciler/any-signal.ts';
import type {AppName, CommitId} from '../schemas/ids.ts';
import type {AppAnswer, ConvergedLine, CreatedApp, PlanAnswer, Problem, ScaledApp} from '../reconciler/api/answers.ts';
import type {NodeStatus} from '../reconciler/status/status.ts';
import {isProposed, Proposed} from './proposed.ts';
import {exchange, isReadable, type Exchange} from './exchange.ts';
import {Failure} from './command.ts';
import type {Cluster} from './which-cluster.ts';

/** What a cluster's API can be asked. Every call throws `Failure` with what to do about it; `ApiFailure` when the cluster itself said no. */
export interface Client {
  readonly cluster: Cluster;
  /** There is only a clone of its repository: a change is a commit that somebody has to push. */
  readonly isOffline?: true;
  status(signal: AbortSignal): Promise<NodeStatus>;
  apps(signal: AbortSignal): Promise<readonly AppAnswer[]>;
  app(name: AppName, signal: AbortSignal): Promise<AppAnswer>;
  createApp(name: string, signal: AbortSignal): Promise<CreatedApp>;
  confirm(commit: string, signal: AbortSignal): Promise<{readonly commit: CommitId}>;
  scale(name: AppName, services: Readonly<Record<string, number | string>>, signal: AbortSignal): Promise<ScaledApp>;
  plan(signal: AbortSignal): Promise<PlanAnswer>;
  /** `of`: a commit whose change is waited for. */
  converged(name: AppName, of: CommitId | undefined, signal: AbortSignal): AsyncIterable<ConvergedLine>;
  /** Any question: the answer's JSON, taken at its word. `path` begins with `/v1/`. */
  get<Answer>(path: string, signal: AbortSignal): Promise<Answer>;
  /** Any change, safe to repeat: sent with an idempotency key and the author, again when the answer was lost. */
  post<Answer>(path: string, body: unknown, signal: AbortSignal): Promise<Answer>;
  /** The same, of fields of something that is there: null takes one out. */
  patch<Answer>(path: string, body: unknown, signal: AbortSignal): Promise<Answer>;
  /** The same, of something as a whole. */
  delete<Answer>(path: string, signal: AbortSignal): Promise<Answer>;
  /** The same for a change that is told of in lines. It goes on when nobody listens. */
  postLines<Line>(path: string, body: unknown, signal: AbortSignal): AsyncIterable<Line>;
  /** A change that must not happen twice, and is no commit: sent once. */
  postOnce<Answer>(path: string, body: unknown, signal: AbortSignal): Promise<Answer>;
  /** The bytes of an answer as they come, its status being good. */
  download(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Sends bytes as they come, once. */
  upload<Answer>(path: string, body: {readonly type: string; readonly bytes: Readable}, signal: AbortSignal): Promise<Answer>;
  /** Lines of JSON as they come. */
  follow<Line>(path: string, signal: AbortSignal): AsyncIterable<Line>;
  /** A websocket that is open: what goes over it is in `reconciler/api/frames.ts`. */
  connect(path: string, signal: AbortSignal): Promise<WebSocket>;
}

/** The cluster was reached and refused: the message is its own. */
export class ApiFailure extends Failure {
  override name = 'ApiFailure';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A question is answered within seconds, a commit within a minute (the server's own limit). */
const ANSWER_MS_MAX = 90_000;
/** The server sends something every 15 s at least. */
const SILENCE_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const LINE_LENGTH_MAX = 4 * 1024 * 1024;
/** For writes whose answer was lost: the operation id makes a repetition find what the first try did. */
const TRIES_MAX = 3;
/** Where the token comes from where no file has it. */
export const TOKEN_VARIABLE = 'FLYNN_TOKEN';

/** `author` is asked for with the first change: finding out takes some 10 ms, which questions should not cost. */
export function createClient(cluster: Cluster, author: () => Promise<string>, {propose}: {readonly propose?: string | undefined} = {}): Client {
  const connection: Connection = {cluster, author, ...(propose !== undefined && {propose})};
  // Our own API, of the same version: its types are taken at their word.
  const get = async <Answer>(path: string, signal: AbortSignal) => await ask(connection, {method: 'GET', path}, signal) as Answer;
  const post = async <Answer>(path: string, body: unknown, signal: AbortSignal) => await write(connection, {path, body}, signal) as Answer;
  const patch = async <Answer>(path: string, body: unknown, signal: AbortSignal) => await write(connection, {method: 'PATCH', path, body}, signal) as Answer;
  const remove = async <Answer>(path: string, signal: AbortSignal) => await write(connection, {method: 'DELETE', path}, signal) as Answer;
  const postLines = <Line>(path: string, body: unknown, signal: AbortSignal) => writeLines(connection, {path, body}, signal) as AsyncIterable<Line>;
  const postOnce = async <Answer>(path: string, body: unknown, signal: AbortSignal) => await write(connection, {path, body, triesMax: 1}, signal) as Answer;
  const follow = <Line>(path: string, signal: AbortSignal) => lines(connection, {method: 'GET', path}, signal) as AsyncIterable<Line>;
  return {
    cluster, get, post, patch, delete: remove, postOnce, postLines, follow,
    download: (path, signal) => open(connection, {path, silenceMsMax: SILENCE_MS_MAX}, signal),
    upload: async (path, {type, bytes}, signal) => {
      const headers = {'content-type': type, 'x-flynn-author': await author(), ...proposing(connection)};
      return await parsed(await open(connection, {method: 'POST', path, headers, body: bytes}, signal), connection, signal) as never;
    },
    connect: async (path, signal) => {
      if (propose !== undefined) throw new Failure('this is done at once, and can\'t be proposed');
      return (await import('./connect.ts')).connect(connection, path, signal);
    },
    status: (signal) => get('/v1/status', signal),
    apps: (signal) => get('/v1/apps', signal),
    app: (name, signal) => get(`/v1/apps/${name}`, signal),
    createApp: (name, signal) => post('/v1/apps', {name}, signal),
    confirm: (commit, signal) => post('/v1/confirm', {commit}, signal),
    scale: (name, services, signal) => post(`/v1/apps/${name}/scale`, {services}, signal),
    plan: (signal) => get('/v1/plan', signal),
    converged: (name, of, signal) => follow(`/v1/apps/${name}/converged${of === undefined ? '' : `?of=${of}`}`, signal),
  };
}

export interface Connection {
  readonly cluster: Cluster;
  readonly author: () => Promise<string>;
  /** Changes are proposed, with this title; empty: as they are called. */
  readonly propose?: string;
}

interface Change {
  /** Default: POST. */
  readonly method?: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

async function write(connection: Connection, {triesMax = TRIES_MAX, ...change}: Change & {readonly triesMax?: number}, signal: AbortSignal): Promise<unknown> {
  const request = await writing(connection, change);
  for (let tries = 1; ; tries++) {
    try {
      const answer = await ask(connection, request, signal);
      if (connection.propose !== undefined && isProposed(answer)) throw new Proposed(answer);
      return answer;
    } catch (error) {
      const isLost = error instanceof Failure && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET';
      if (!isLost || tries === triesMax || signal.aborted) throw error;
    }
  }
}

/** Not asked for again by itself: what was told would be told twice. */
async function* writeLines(connection: Connection, change: Change, signal: AbortSignal): AsyncGenerator<unknown> {
  yield* lines(connection, await writing(connection, change), signal);
}

async function writing(connection: Connection, {method = 'POST', path, body}: Change): Promise<Partial<Exchange>> {
  const headers = {'idempotency-key': randomUUID(), 'x-flynn-author': await connection.author(), ...proposing(connection)};
  return body === undefined ? {method, path, headers} : {method, path, body: JSON.stringify(body), headers: {'content-type': 'application/json', ...headers}};
}

/** See `reconciler/api/propose.ts`. */
function proposing({propose}: Connection): Readonly<Record<string, string>> {
  return propose === undefined ? {} : {'x-flynn-propose': encodeURIComponent(propose)};
}

async function ask(connection: Connection, request: Partial<Exchange>, signal: AbortSignal): Promise<unknown> {
  const deadline = anySignal([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
  return parsed(await open(connection, request, deadline), connection, signal);
}

async function parsed(response: IncomingMessage, {cluster}: Connection, signal: AbortSignal): Promise<unknown> {
  try {
    return JSON.parse(await textOf(response)) as unknown;
  } catch (error) {
    throw explained(error, cluster, signal);
  }
}

async function* lines(connection: Connection, request: Partial<Exchange>, signal: AbortSignal): AsyncGenerator<unknown> {
  const response = await open(connection, {...request, silenceMsMax: SILENCE_MS_MAX}, signal);
  let rest = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > LINE_LENGTH_MAX) throw new Failure(`a line of the answer is longer than ${LINE_LENGTH_MAX} characters`);
      for (const part of parts.filter((one) => one !== '')) {
        const line: unknown = JSON.parse(part);
        if (isEnd(line)) return;
        yield line;
      }
    }
  } catch (error) {
    throw explained(error, connection.cluster, signal);
  }
  throw cutOff(connection.cluster);
}

/** Throws the problem that a stream ended with. */
function isEnd(line: unknown): boolean {
  const {end, problem} = line as {readonly end?: true; readonly problem?: Problem};
  if (problem !== undefined) throw new ApiFailure(problem.status, problem.detail);
  return end === true;
}

/** Resolves to the answer when it is a success, its body unread. */
async function open({cluster}: Connection, request: Partial<Exchange>, signal: AbortSignal): Promise<IncomingMessage> {
  keepsSecret(cluster);
  let response: IncomingMessage;
  try {
    const headers = {authorization: `Bearer ${cluster.token}`, ...request.headers};
    response = await exchange({method: 'GET', path: '/', ...request, base: cluster.url, headers, caFile: cluster.caFile}, signal);
  } catch (error) {
    throw explained(error, cluster, signal);
  }
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  throw await refusal(response, status, cluster);
}

/** Throws `Failure` before a token is sent where others could read it. */
export function keepsSecret({name, url, file}: Cluster): void {
  if (!isReadable(url)) return;
  throw new Failure(`${url}: over http:// your token could be read on its way`, {
    advice: [path.isAbsolute(file) ? `log in again: flynn login ${url.replace(/^http:/, 'https:').replace(/:\d+$/, '')} < token (${file} has it under "${name}")` : `it has to be ${url.replace(/^http:/, 'https:').replace(/:\d+$/, '')}`, "where the cluster is its own authority, with --ca: 'flynn cert trust --print' on its machine writes the file"],
  });
}

/** What an answer that is no success says. */
export async function refusal(response: IncomingMessage, status: number, {name, url, file, token, oidc}: Cluster): Promise<Failure> {
  const text = await textOf(response).catch(() => '');
  const problem = isProblem(response) ? JSON.parse(text) as Problem : undefined;
  // Of a token that an identity provider has signed, the API says what is wrong with it.
  if (status === 401 && token.includes('.') && problem !== undefined) {
    return new Failure(`cluster "${name}": ${problem.detail}`, {advice: oidc === undefined ? [] : [`to log in again: flynn login ${url}`]});
  }
  const isGiven = !path.isAbsolute(file);
  if (status === 401) {
    const why = problem?.detail.includes('expired') === true ? `: ${problem.detail}` : '';
    return new Failure(`cluster "${name}" does not accept the token ${file === 'stdin' ? 'on' : 'in'} ${file}${why}`, {
      advice: isGiven ? ['a new one is made with: flynn token add'] : ["on the cluster's machine, 'flynn up' writes the right one", `elsewhere log in with a new one, which 'flynn token add' makes: flynn login ${url} --name ${name} < token`],
    });
  }
  if (problem !== undefined) return new ApiFailure(status, problem.detail);
  // Not our API's words: the router, or something else on its port.
  if (status === 502 || status === 503 || status === 504) return notRunning({name, url}, `${url} answers ${status}`);
  return new Failure(`${url} answers ${status} and is not the API of a cluster`, {advice: [isGiven ? 'is the address right? it is like https://api.apps.example.com' : `is the url of "${name}" in ${file} right?`]});
}

function isProblem({headers}: IncomingMessage): boolean {
  return headers['content-type']?.startsWith('application/problem+json') === true;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > ANSWER_BYTES_MAX) throw new Failure(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
  }
  return text;
}

/** What OpenSSL says of certificates whose signer it does not know (X509_verify_cert_error_string(3)). */
const UNTRUSTED: ReadonlySet<string> = new Set(['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);

/** Why there was no answer, and what can be done about it. */
export function explained(error: unknown, {name, url}: Cluster, signal: AbortSignal): unknown {
  if (error instanceof Failure || signal.aborted) return error;
  if (error instanceof DOMException && error.name === 'TimeoutError') return new Failure(`cluster "${name}" did not answer within ${ANSWER_MS_MAX / 1000} s`);
  const code = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error));
  if (code === 'ECONNRESET') return cutOff({url}, error);
  if (UNTRUSTED.has(code)) return new Failure(`the certificate of ${url} is signed by nobody whom this machine trusts (${code})`, {cause: error, advice: ["where the cluster is its own authority: 'flynn cert trust --print' on its machine, then here: flynn login … --ca <file>"]});
  return notRunning({name, url}, `${url}: ${WORDS[code] ?? code}`, error);
}

/** errno(3) and getaddrinfo(3), for people. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)', ENOTFOUND: 'the DNS has no such name (ENOTFOUND)', EAI_AGAIN: 'the DNS does not answer (EAI_AGAIN)',
  ETIMEDOUT: 'no answer in time (ETIMEDOUT)', EHOSTUNREACH: 'no way leads there (EHOSTUNREACH)', ENETUNREACH: 'no way leads there (ENETUNREACH)',
  CERT_HAS_EXPIRED: 'its certificate has ended (CERT_HAS_EXPIRED)', ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names (ERR_TLS_CERT_ALTNAME_INVALID)', EPROTO: 'it does not speak TLS there (EPROTO)',
};

export function cutOff({url}: Pick<Cluster, 'url'>, cause?: unknown): Failure {
  return new Failure(`the connection to ${url} was cut off`, {cause, advice: ['was the cluster stopped? see: flynn status']});
}

function notRunning({name, url}: Pick<Cluster, 'name' | 'url'>, what: string, cause?: unknown): Failure {
  const isHere = /(^|\.)localhost$|^127\.|^\[::1\]$/.test(new URL(url).hostname);
  return new Failure(`cluster "${name}" can't be reached (${what})`, {cause, advice: isHere ? ['if it should run on this machine, start it: flynn up'] : ['is its machine up, and the address right? flynn cluster lists those that you have', 'on the machine itself: flynn doctor']});
}
