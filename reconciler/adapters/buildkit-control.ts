import protobuf from 'protobufjs/minimal.js';
import {readTrace, type TraceEvent} from './buildkit-trace.ts';
import {eachField, inner} from './protobuf-fields.ts';
import type {GrpcConnection} from './grpc.ts';

const SERVICE = 'moby.buildkit.v1.Control';

export interface Solve {
  /** Names the solve, for those who watch it. */
  readonly ref: string;
  /** Of the Dockerfile frontend, such as `build-arg:NAME`. */
  readonly options: Readonly<Record<string, string>>;
  /** Names of the image, with their registry: `docker.io/a/b:1`. */
  readonly names: readonly string[];
}

/** One thing in BuildKit's cache. */
export interface CacheRecord {
  readonly id: string;
  /** 0 for what images of the engine have too: that takes nothing of its own. */
  readonly sizeBytes: number;
  /** A build works with it right now. */
  readonly isInUse: boolean;
  /** Or made, milliseconds since 1970. */
  readonly usedAtMs: number;
}

/** Builds a Dockerfile. Resolves to the image's id. Messages and their numbers: buildkit, api/services/control/control.proto. */
export async function solve(connection: GrpcConnection, {ref, options, names}: Solve, signal: AbortSignal): Promise<string | undefined> {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(1)).string(ref);
  // Fields that newer versions have others for, and still read: so that engines from 23 on understand them.
  writer.uint32(tag(3)).string('moby');
  if (names.length > 0) writeEntry(writer, 4, ['name', names.join(',')]);
  writer.uint32(tag(6)).string('dockerfile.v0');
  for (const entry of Object.entries(options)) writeEntry(writer, 7, entry);
  // Nothing of it is kept in the history of builds: our own records are.
  writer.uint32(11 << 3).bool(true);
  let id: string | undefined;
  for await (const answer of connection.call(`${SERVICE}/Solve`, writer.finish(), signal)) {
    eachField(protobuf.Reader.create(answer), (number, reader) => {
      if (number !== 1) return false;
      const [name, value] = readEntry(inner(reader));
      if (name === 'containerimage.config.digest' || (name === 'containerimage.digest' && id === undefined)) id = value;
      return true;
    });
  }
  return id;
}

/** What happens in a solve, to its end. One that is not there yet is waited for, some seconds long. */
export async function* watch(connection: GrpcConnection, ref: string, signal: AbortSignal): AsyncGenerator<readonly TraceEvent[]> {
  for await (const message of connection.call(`${SERVICE}/Status`, protobuf.Writer.create().uint32(tag(1)).string(ref).finish(), signal)) yield readTrace(message);
}

export async function cacheRecords(connection: GrpcConnection, signal: AbortSignal): Promise<readonly CacheRecord[]> {
  const records: CacheRecord[] = [];
  for await (const message of connection.call(`${SERVICE}/DiskUsage`, new Uint8Array(), signal)) {
    eachField(protobuf.Reader.create(message), (number, reader) => {
      if (number !== 1) return false;
      records.push(readRecord(inner(reader)));
      return true;
    });
  }
  return records;
}

/** Removes these from the cache. What is in use, or stands under something that stays, stays. */
export async function removeCacheRecords(connection: GrpcConnection, ids: readonly string[], signal: AbortSignal): Promise<void> {
  if (ids.length === 0) return;
  const writer = protobuf.Writer.create();
  // Each filter alone is enough: containerd's syntax, pkg/filters.
  for (const id of ids) writer.uint32(tag(1)).string(`id==${id}`);
  // Also what belongs to BuildKit itself, such as the context of a build.
  writer.uint32(2 << 3).bool(true);
  for await (const _ of connection.call(`${SERVICE}/Prune`, writer.finish(), signal));
}

function readRecord(reader: protobuf.Reader): CacheRecord {
  let [id, sizeBytes, isInUse, isShared, createdAtMs, usedAtMs] = ['', 0, false, false, 0, 0];
  eachField(reader, (number) => {
    if (number === 1) id = reader.string();
    else if (number === 3) isInUse = reader.bool();
    // Negative: it was not measured yet.
    else if (number === 4) sizeBytes = Math.max(0, Number(reader.int64()));
    else if (number === 6) createdAtMs = readTime(inner(reader));
    else if (number === 7) usedAtMs = readTime(inner(reader));
    else if (number === 11) isShared = reader.bool();
    else return false;
    return true;
  });
  return {id, sizeBytes: isShared ? 0 : sizeBytes, isInUse, usedAtMs: Math.max(createdAtMs, usedAtMs)};
}

/** `google.protobuf.Timestamp`, to milliseconds. */
function readTime(reader: protobuf.Reader): number {
  let [seconds, nanoseconds] = [0, 0];
  eachField(reader, (number) => {
    if (number === 1) seconds = Number(reader.int64());
    else if (number === 2) nanoseconds = reader.int32();
    else return false;
    return true;
  });
  return seconds * 1000 + Math.floor(nanoseconds / 1_000_000);
}

/** An entry of a `map<string, string>`. */
function writeEntry(writer: protobuf.Writer, number: number, [name, value]: readonly [string, string]): void {
  writer.uint32(tag(number)).fork().uint32(tag(1)).string(name).uint32(tag(2)).string(value).ldelim();
}

function readEntry(reader: protobuf.Reader): readonly [string, string] {
  let [name, value] = ['', ''];
  eachField(reader, (number) => {
    if (number === 1) name = reader.string();
    else if (number === 2) value = reader.string();
    else return false;
    return true;
  });
  return [name, value];
}

/** Of a field whose value has a length: text, bytes, a message. */
function tag(number: number): number {
  return (number << 3) | 2;
}
