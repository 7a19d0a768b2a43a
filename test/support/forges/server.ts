import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {json as readJson} from 'node:stream/consumers';
import {Ajv} from 'ajv';

/** What one call of a forge takes and answers, as its API document says. */
export interface Operation {
  readonly method: string;
  /** `/repos/{owner}/{repo}/pulls` */
  readonly path: string;
  readonly query: Readonly<Record<string, {readonly enum?: readonly string[]}>>;
  /** JSON Schema. Absent: it takes none. */
  readonly body?: object;
  /** Statuses that it may answer with; 401 and 404 besides. */
  readonly answers: readonly number[];
}

export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly world: ForgeWorld;
}

export interface Reply {
  readonly status: number;
  readonly json: unknown;
}

export interface Contract {
  /** Of the API below the site. */
  readonly base: string;
  readonly operations: readonly Operation[];
  /** By `METHOD path`, one for each operation. */
  readonly handlers: Readonly<Record<string, (asked: Asked) => Reply>>;
  /** `calledBy`: the site as it writes it into links. Absent: as it was asked. */
  readonly pages: {readonly size: string; readonly sizeMax: number; readonly calledBy?: string};
  /** What is wrong with the headers of every request, whoever sends it. */
  wrongHeaders(headers: IncomingMessage['headers']): string | undefined;
  token(headers: IncomingMessage['headers']): string | undefined;
}

export interface Pull {
  number: number;
  title: string;
  body: string;
  branch: string;
  base: string;
  sha: string;
  author: string;
  /** The branch is one of another repository. */
  readonly isFromFork?: boolean;
}

export const OPENED_AT = '2026-11-26T09:00:00Z';

/** What a forge has, whichever it is. Lists are oldest first. */
export class ForgeWorld {
  /** Where it is called from, without a slash at its end. */
  url = '';
  readonly repository: string = 'team/cluster';
  readonly token: string = 'forge-token-2f6b';
  /** Whose token that is. */
  me: string | undefined = 'flynn-bot';
  readonly pulls: Pull[] = [];
  /** The newest commit of one: forges look into the repository. */
  headOf: (pull: Pull) => string = ({sha}) => sha;
  readonly comments: {readonly id: number; readonly change: number; body: string; readonly author: string}[] = [];
  readonly statuses: {readonly id: number; readonly sha: string; readonly context: string; readonly state: string; readonly description: string; readonly url: string}[] = [];
  #ids = 100;
  #number = 0;

  id(): number {
    return (this.#ids += 1);
  }

  /** Of the next pull request: no number is given twice. */
  nextNumber(): number {
    return (this.#number = 1 + Math.max(this.#number, ...this.pulls.map(({number}) => number), ...this.comments.map(({change}) => change)));
  }

  /** The newest of a context. */
  status(sha: string, context: string) {
    return this.statuses.filter((one) => one.sha === sha && one.context === context).at(-1);
  }
}

/** Goes wrong with the next requests that it fits, once each: an answer, or none after all is done. */
export interface Fault {
  readonly on: RegExp;
  readonly reply?: {readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly json?: unknown};
}

/** A forge that takes only what its API document says, and writes down everything else. */
export interface ForgeServer {
  readonly world: ForgeWorld;
  /** What was asked against the document. Has to be empty. */
  readonly violations: string[];
  /** `POST /repos/team/cluster/pulls 201` */
  readonly requests: string[];
  readonly faults: Fault[];
  close(): Promise<void>;
}

export async function startForge(contract: Contract): Promise<ForgeServer> {
  const ajv = new Ajv({strict: false, allErrors: true});
  const world = new ForgeWorld();
  const [violations, requests, faults]: [string[], string[], Fault[]] = [[], [], []];

  const answer = async (request: IncomingMessage): Promise<Reply & {readonly headers?: Record<string, string>}> => {
    const url = new URL(request.url ?? '/', 'http://forge');
    const path = url.pathname.slice(contract.base.length);
    const told = `${request.method} ${path}`;
    const violation = (what: string) => {
      violations.push(`${told}: ${what}`);
      return {status: 400, json: {message: what}};
    };
    if (!url.pathname.startsWith(contract.base)) return violation(`is not below ${contract.base}`);
    const found = contract.operations.map((operation) => ({operation, params: paramsOf(operation, told)})).find(({params}) => params !== undefined);
    if (found?.params === undefined) return violation('is no operation that the document has');
    const {operation, params} = found;
    const wrong = contract.wrongHeaders(request.headers);
    if (wrong !== undefined) return violation(wrong);
    for (const [name, value] of url.searchParams) {
      const known = operation.query[name];
      if (known === undefined) return violation(`has no query parameter "${name}"`);
      if (known.enum !== undefined && !known.enum.includes(value)) return violation(`query parameter "${name}" can't be "${value}"`);
    }
    const body = request.method === 'GET' ? {} : await readJson(request);
    if (operation.body !== undefined && !ajv.validate(operation.body, body)) return violation(ajv.errorsText());
    if (request.method !== 'GET' && request.headers['content-type'] !== 'application/json') return violation('its body is no JSON by its type');
    if (contract.token(request.headers) !== world.token) return {status: 401, json: {message: 'Bad credentials'}};
    const reply = contract.handlers[`${operation.method} ${operation.path}`]?.({params, query: url.searchParams, body: body as Asked['body'], world});
    if (reply === undefined) return violation('has no handler');
    if (reply.status !== 404 && !operation.answers.includes(reply.status)) throw new Error(`bug: the document has no answer ${reply.status} to ${told}`);
    // One without the parameter answers with all at once.
    return operation.query[contract.pages.size] === undefined ? reply : paged(reply, {url, contract, world});
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const told = `${request.method} ${request.url}`;
    const fault = faults.findIndex(({on}) => on.test(told));
    const [bad] = fault === -1 ? [] : faults.splice(fault, 1);
    if (bad?.reply !== undefined) {
      request.resume();
      requests.push(`${told} ${bad.reply.status}`);
      response.writeHead(bad.reply.status, bad.reply.headers).end(bad.reply.json === undefined ? '' : JSON.stringify(bad.reply.json));
      return;
    }
    const {status, json, headers} = await answer(request);
    requests.push(`${told} ${status}`);
    if (bad !== undefined) {
      // It was done, and nobody hears of it.
      request.socket.destroy();
      return;
    }
    const text = JSON.stringify(json);
    const etag = `W/"${createHash('sha256').update(text + (headers?.link ?? '')).digest('hex').slice(0, 16)}"`;
    if (request.method === 'GET' && request.headers['if-none-match'] === etag) {
      requests.push(requests.pop()?.replace(/\d+$/, '304') ?? '');
      response.writeHead(304).end();
    } else response.writeHead(status, {'content-type': 'application/json', ...(request.method === 'GET' && status === 200 && {etag}), ...headers}).end(text);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      violations.push(String(error));
      response.writeHead(500).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    world, violations, requests, faults,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One page of a list, with the next one's address. */
function paged(reply: Reply, {url, contract: {pages}, world}: {readonly url: URL; readonly contract: Contract; readonly world: ForgeWorld}): Reply & {readonly headers?: Record<string, string>} {
  if (!Array.isArray(reply.json)) return reply;
  const size = Math.min(pages.sizeMax, Number(url.searchParams.get(pages.size) ?? 30));
  const page = Number(url.searchParams.get('page') ?? 1);
  const json: unknown[] = reply.json.slice((page - 1) * size, page * size);
  if (page * size >= reply.json.length) return {...reply, json};
  url.searchParams.set('page', String(page + 1));
  const site = pages.calledBy ?? world.url;
  return {...reply, json, headers: {link: `<${site}${url.pathname}${url.search}>; rel="next",<${site}${url.pathname}>; rel="first"`}};
}

function paramsOf({method, path}: Operation, told: string): Readonly<Record<string, string>> | undefined {
  const names: string[] = [];
  const pattern = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    names.push(name);
    return '([^/]+)';
  });
  const match = new RegExp(`^${method} ${pattern}$`).exec(told);
  return match === null ? undefined : Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]));
}
