import {randomUUID} from 'node:crypto';
import {createWriteStream} from 'node:fs';
import {mkdir, open, rm, type FileHandle} from 'node:fs/promises';
import type {IncomingMessage} from 'node:http';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';

/**
 * The whole body of a request, unpacked, in a file that has no name any more. Undefined: the client went away. Not passed on as it comes: once there is an answer, a
 * proxy written in Go, as Caddy is, throws away what it has not passed on of the request (golang/go#15527), and git may answer while it reads.
 */
export async function receivedBody(request: IncomingMessage, {scratch, bytesMax}: {readonly scratch: string; readonly bytesMax: number}, signal: AbortSignal): Promise<FileHandle | undefined> {
  await mkdir(scratch, {recursive: true, mode: 0o700});
  const file = path.join(scratch, `push-${randomUUID()}`);
  try {
    await pipeline(unpacked(request), upTo(bytesMax), createWriteStream(file, {mode: 0o600, flags: 'wx'}), {signal});
    return await open(file);
  } catch (error) {
    if (signal.aborted || request.readableAborted) return undefined;
    throw error;
  } finally {
    await rm(file, {force: true});
  }
}

/** What is beyond is read, not kept: git refuses a push for its size, and says so. */
function upTo(bytesMax: number) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sizeBytes = 0;
    for await (const chunk of chunks) {
      if (sizeBytes <= bytesMax) yield chunk;
      sizeBytes += chunk.length;
    }
  };
}

/** Git compresses large requests. */
function unpacked(request: IncomingMessage): Readable {
  if (request.headers['content-encoding'] !== 'gzip') return request;
  const unpacking = createGunzip();
  request.on('error', (error) => unpacking.destroy(error));
  return request.pipe(unpacking);
}
