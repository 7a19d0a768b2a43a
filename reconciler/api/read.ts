import type {AppName} from '../../schemas/ids.ts';
import {NAME_PATTERN, problemOfAppName} from '../../schemas/names.ts';
import type {LogQuery} from '../node.ts';
import {readMoment} from './moment.ts';
import {ApiError} from './problem.ts';

export const LOG_LINES_DEFAULT = 100;
export const LOG_LINES_MAX = 10_000;
const EVENTS_DEFAULT = 1_000;
const LABEL = new RegExp(NAME_PATTERN);

/** Whether it is free is the edit's business. */
export function readAppName(value: unknown): AppName {
  if (typeof value !== 'string') throw new ApiError(400, 'the name of the app has to be a string');
  const problem = problemOfAppName(value);
  if (problem !== undefined) throw new ApiError(400, problem);
  return value as AppName;
}

/** A replica, or a part of the platform: `web.1`, `build`. */
const LOG_NAME = /^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9-]{1,63})?$/;
const PATTERN_LENGTH_MAX = 1_000;

/** Without a number of lines, all since a moment are meant where one is named; else the last LOG_LINES_DEFAULT. */
export function readLogQuery(app: AppName, query: Readonly<Record<string, string>>, nowMs: number): LogQuery {
  const {lines, follow, service, replica, since, until, grep} = query;
  const count = lines === undefined && since !== undefined ? undefined : readCount(lines, {name: 'lines', otherwise: LOG_LINES_DEFAULT, max: LOG_LINES_MAX});
  if (service !== undefined && !LABEL.test(service)) throw new ApiError(400, `"${service}" can't name a service`);
  if (replica !== undefined && !LOG_NAME.test(replica)) throw new ApiError(400, `"${replica}" can't name a replica; one is called such as web.1`);
  if (grep !== undefined) checkPattern(grep);
  return {
    app, follow: follow === 'true',
    ...(count !== undefined && {lines: count}),
    ...(service !== undefined && {service}),
    ...(replica !== undefined && {replica}),
    ...(since !== undefined && {since: readMoment('since', since, nowMs)}),
    ...(until !== undefined && {until: readMoment('until', until, nowMs)}),
    ...(grep !== undefined && {grep}),
  };
}

function checkPattern(pattern: string): void {
  if (pattern.length > PATTERN_LENGTH_MAX) throw new ApiError(400, `grep is longer than ${PATTERN_LENGTH_MAX} characters`);
  try {
    new RegExp(pattern, 'u');
  } catch (error) {
    throw new ApiError(400, `grep is no regular expression: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface EventQuery {
  readonly app?: string;
  /** The last so many of those that are asked for. */
  readonly lines: number;
  readonly follow: boolean;
}

export function readEventQuery({app, lines, follow}: Readonly<Record<string, string>>): EventQuery {
  const count = readCount(lines, {name: 'lines', otherwise: EVENTS_DEFAULT, max: LOG_LINES_MAX});
  return {lines: count, follow: follow === 'true', ...(app !== undefined && {app: readAppName(app)})};
}

/** A whole number from 0 to `max`. */
export function readCount(text: string | undefined, {name, otherwise, max}: {readonly name: string; readonly otherwise: number; readonly max: number}): number {
  const count = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(count) || count < 0 || count > max) throw new ApiError(400, `${name} is "${text}"; it has to be a whole number from 0 to ${max}`);
  return count;
}

export function isServiceName(value: unknown): value is string {
  return typeof value === 'string' && LABEL.test(value);
}

/** It becomes a line of the commit's message. */
export function readOperationId(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\w.:-]{8,100}$/.test(header)) return header;
  throw new ApiError(400, 'the Idempotency-Key has to be 8 to 100 letters, digits, dots, colons, dashes or underscores');
}

/** A commit as people type it. Which one is meant, or whether any is, is for others to say. */
export function readCommit(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{7,40}$/.test(value)) throw new ApiError(400, 'a commit is 7 to 40 hex digits');
  return value;
}
