import type {LogLine} from '../node.ts';

/**
 * One line of the store, as it stands in its file:
 *
 *     2026-11-25T19:54:23.123456789Z app web.1 4f149fd6aaaa v3 o text of the line
 *
 * when, who (`app`, or `flynn` for our own lines), which replica or part, container, release, `o` or `e` for stdout and stderr, text.
 * What is not known is `-`. Text has no newline; all else in it is as the container wrote it.
 */
export interface Origin {
  readonly source: LogLine['source'];
  /** `web.1`, `router`, `build`, `platform`. No spaces. */
  readonly name: string;
  /** First 12 digits of the container's id. */
  readonly container?: string;
  readonly release?: number;
}

/** Every timestamp has this length, so that they sort as text: RFC 3339 with nanoseconds, UTC. */
export const AT_LENGTH = '2026-11-25T19:54:23.123456789Z'.length;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const STDERR = 'e'.charCodeAt(0);

/** What stands between the time and the text. */
export function middleOf({source, name, container, release}: Origin, stream: LogLine['stream']): Buffer {
  return Buffer.from(` ${source} ${name} ${container ?? '-'} ${release === undefined ? '-' : `v${release}`} ${stream === 'stderr' ? 'e' : 'o'} `);
}

/** A whole record of our own. Of a text with several lines only the first counts. */
export function record(at: string, origin: Origin, text: string): Buffer {
  const [line = ''] = text.split('\n', 1);
  return Buffer.concat([Buffer.from(at), middleOf(origin, 'stdout'), Buffer.from(`${line}\n`)]);
}

/** Milliseconds as the store writes times. */
export function formatAt(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000000Z');
}

/** Any RFC 3339 time in UTC, with as many digits of a second as the store has. */
export function normalAt(at: string): string {
  const [seconds = '', fraction = ''] = at.slice(0, -1).split('.');
  return `${seconds}.${fraction.padEnd(9, '0').slice(0, 9)}Z`;
}

export function msOf(at: string): number {
  return Date.parse(`${at.slice(0, 23)}Z`);
}

/** Where each line of `bytes` begins and ends, without its newline. */
export function* linesOf(bytes: Buffer): Generator<readonly [start: number, end: number]> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end === -1) return;
    yield [start, end];
    start = end + 1;
  }
}

/** Times and names without decoding the rest: most lines are asked for these only. */
export function headOf(bytes: Buffer, start: number): {readonly at: string; readonly name: string; readonly container: string} {
  const [, , name = '', container = ''] = bytes.toString('latin1', start, Math.min(bytes.length, start + HEAD_LENGTH_MAX)).split(' ', 5);
  return {at: bytes.toString('latin1', start, start + AT_LENGTH), name, container};
}

/** A name has at most 63 characters and a number. */
const HEAD_LENGTH_MAX = 150;

/** Undefined for what is none: a file that somebody edited is no reason to show nothing. */
export function parseRecord(bytes: Buffer, start: number, end: number): LogLine | undefined {
  const fields: string[] = [];
  let from = start;
  while (fields.length < 5) {
    const space = bytes.indexOf(SPACE, from);
    if (space === -1 || space >= end) return undefined;
    fields.push(bytes.toString('latin1', from, space));
    from = space + 1;
  }
  const [at = '', source = '', name = '', container = '', release = ''] = fields;
  if (at.length !== AT_LENGTH || (source !== 'app' && source !== 'flynn')) return undefined;
  return {
    at, source, name,
    ...(container !== '-' && {container}),
    ...(release !== '-' && {release: Number(release.slice(1))}),
    stream: bytes[from] === STDERR ? 'stderr' : 'stdout',
    text: bytes.toString('utf8', Math.min(from + 2, end), end),
  };
}
