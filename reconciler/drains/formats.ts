import {randomBytes} from 'node:crypto';
import {severityOf, type DrainLine} from './drain.ts';

/** Facility "user-level messages", RFC 5424, 6.2.1. */
const FACILITY_USER = 1;
/** What a datagram may have: 65,507 bytes is IPv4's limit, and receivers take less (rsyslog 8 KiB, RFC 5426 asks for 2). */
const DATAGRAM_BYTES_MAX = 8 * 1024;
const GELF_CHUNK_BYTES_MAX = 8 * 1024;
const GELF_HEADER_BYTES = 12;
/** GELF's own limit. */
const GELF_CHUNKS_MAX = 128;

/** RFC 5424. The app is APP-NAME, the replica PROCID, who wrote it (`app` or `flynn`) MSGID. */
export function syslogMessage(line: DrainLine, node: string): Buffer {
  const {at, app, source, name, text} = line;
  // At most six digits of a second (6.2.3); lines have nine.
  const time = `${at.slice(0, '2026-11-25T19:54:23.123456'.length)}Z`;
  return Buffer.from(`<${FACILITY_USER * 8 + severityOf(line)}>1 ${time} ${node} ${app.slice(0, 48)} ${name.slice(0, 128)} ${source} - ${text}`);
}

/** RFC 6587, 3.4.1: octet counting. */
export function syslogFrame(line: DrainLine, node: string): Buffer {
  const message = syslogMessage(line, node);
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

export function syslogDatagram(line: DrainLine, node: string): Buffer {
  return cut(syslogMessage(line, node), DATAGRAM_BYTES_MAX);
}

/** GELF 1.1. */
export function gelfMessage(line: DrainLine, node: string): Buffer {
  const {at, app, source, name, stream, release, container, text} = line;
  return Buffer.from(JSON.stringify({
    version: '1.1', host: node, short_message: text === '' ? ' ' : text, timestamp: Date.parse(`${at.slice(0, 23)}Z`) / 1000, level: severityOf(line),
    _app: app, _source: source, _name: name, _stream: stream, ...(release !== undefined && {_release: release}), ...(container !== undefined && {_container: container}),
  }));
}

/** Over TCP each message ends in a null byte. */
export function gelfFrame(line: DrainLine, node: string): Buffer {
  return Buffer.concat([gelfMessage(line, node), Buffer.from([0])]);
}

/** One datagram, or as many as it needs: two magic bytes, an id of eight, its number, how many there are. */
export function gelfDatagrams(line: DrainLine, node: string): readonly Buffer[] {
  const message = gelfMessage(line, node);
  if (message.length <= GELF_CHUNK_BYTES_MAX) return [message];
  const size = GELF_CHUNK_BYTES_MAX - GELF_HEADER_BYTES;
  const count = Math.min(GELF_CHUNKS_MAX, Math.ceil(message.length / size));
  const id = randomBytes(8);
  return Array.from({length: count}, (_, number) => Buffer.concat([Buffer.from([0x1e, 0x0f]), id, Buffer.from([number, count]), message.subarray(number * size, (number + 1) * size)]));
}

/** One line of JSON each. */
export function ndjsonBody(lines: readonly DrainLine[], node: string): string {
  return lines.map(({at, app, source, name, stream, release, container, text}) => `${JSON.stringify({at, app, source, name, stream, ...(release !== undefined && {release}), ...(container !== undefined && {container}), node, text})}\n`).join('');
}

/** Loki's push API: a stream for each set of labels, values of `[nanoseconds since 1970, text]`. */
export function lokiBody(lines: readonly DrainLine[], node: string): string {
  const streams = Map.groupBy(lines, ({app, source, name, stream}) => JSON.stringify({app, source, name, stream, node}));
  return JSON.stringify({streams: [...streams].map(([labels, own]) => ({
    stream: JSON.parse(labels) as unknown,
    values: own.map(({at, text}) => [`${Math.trunc(Date.parse(`${at.slice(0, 19)}Z`) / 1000)}${at.slice(20, 29)}`, text]),
  }))});
}

/** Not in the middle of a character. */
function cut(bytes: Buffer, max: number): Buffer {
  if (bytes.length <= max) return bytes;
  let end = max;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
