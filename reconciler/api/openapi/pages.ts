import type {FastifyInstance} from 'fastify';
import {ApiError} from '../problem.ts';
import {operationOf} from './check.ts';
import type {Operation} from './operation.ts';

/** Where a page ended: the place of its last entry, and what that was called. */
interface Cursor {
  readonly at: number;
  readonly key: string;
}

const PAGES_MAX = 1000;

/** How many entries a handler has to find for the page that is asked for, and to know whether there is another one. */
export function entriesFor({limit, cursor}: Readonly<Record<string, string | undefined>>, otherwise: number): number {
  return cursor === undefined ? Number(limit ?? otherwise) + 1 : PAGES_MAX;
}

/** Cuts the page that was asked for out of a list, and says where the next one is (RFC 8288). */
export function servePages(server: FastifyInstance): void {
  server.addHook('preSerialization', async (request, reply, payload) => {
    const operation = operationOf(request);
    if (operation?.pages === undefined || reply.statusCode !== 200) return payload;
    const {list} = operation.pages;
    const all = list === undefined ? payload : (payload as Readonly<Record<string, unknown>>)[list];
    if (!Array.isArray(all)) return payload;
    const {limit, cursor} = request.query as Readonly<Record<string, string | undefined>>;
    const {page, next} = pageOf(all, {cursor: cursor === undefined ? undefined : readCursor(cursor), limit: limitOf(operation, limit), key: (one) => keyOf(one, operation.pages?.key ?? [])});
    if (next !== undefined) reply.header('link', `<${linkTo(request.url, next)}>; rel="next"`);
    return list === undefined ? page : {...payload as object, [list]: page};
  });
}

function limitOf({query}: Operation, limit: string | undefined): number {
  const otherwise: unknown = query?.['limit']?.['default'];
  return limit === undefined ? typeof otherwise === 'number' ? otherwise : Number.POSITIVE_INFINITY : Number(limit);
}

/** Entries that came or went meanwhile shift nothing: the page begins after the entry that the last one ended with, or at its place when that is gone. */
export function pageOf<One>(all: readonly One[], {cursor, limit, key}: {readonly cursor: Cursor | undefined; readonly limit: number; readonly key: (one: One) => string}): {readonly page: readonly One[]; readonly next: Cursor | undefined} {
  const last = cursor === undefined ? -1 : all.findIndex((one) => key(one) === cursor.key);
  const from = cursor === undefined ? 0 : last === -1 ? cursor.at : last + 1;
  const page = all.slice(from, from + limit);
  const end = page.at(-1);
  return {page, next: end === undefined || from + limit >= all.length ? undefined : {at: from + page.length - 1, key: key(end)}};
}

function keyOf(one: unknown, fields: readonly string[]): string {
  return JSON.stringify(fields.map((field) => (one as Readonly<Record<string, unknown>>)[field] ?? null));
}

function linkTo(url: string, {at, key}: Cursor): string {
  const [path = '', query = ''] = url.split('?');
  const asked = new URLSearchParams(query);
  asked.set('cursor', Buffer.from(JSON.stringify([at, key])).toString('base64url'));
  return `${path}?${asked}`;
}

function readCursor(text: string): Cursor {
  try {
    const [at, key] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as readonly unknown[];
    if (Number.isInteger(at) && (at as number) >= 0 && typeof key === 'string') return {at: at as number, key};
  } catch {
    // Told below, as one that says something else.
  }
  throw new ApiError(400, 'the cursor is none of ours: take it from the Link of the page before');
}
