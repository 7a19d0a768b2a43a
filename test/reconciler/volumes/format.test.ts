import {execFileSync} from 'node:child_process';
import {Readable} from 'node:stream';
import test from 'ava';
import {TAR_END, tarFile} from '../../../reconciler/adapters/tar.ts';
import {backupOf, verified, type BackupSummary} from '../../../reconciler/volumes/format.ts';

const TAR = Buffer.concat([tarFile('volume/a', 'a'), tarFile('volume/b', 'b'.repeat(3000)), TAR_END]);
const OF = {app: 'shop', volume: 'data', createdAt: '2026-11-25T21:00:00.000Z'};

async function backup(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of backupOf(Readable.from([TAR]), OF)) parts.push(part);
  return Buffer.concat(parts);
}

async function read(bytes: Buffer, chunkBytes = 700): Promise<{content: Buffer; summary: BackupSummary; trailer: Buffer}> {
  const chunks = Array.from({length: Math.ceil(bytes.length / chunkBytes)}, (_, index) => bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes));
  const content = verified(Readable.from(chunks));
  const parts: Buffer[] = [];
  for (;;) {
    const next = await content.next();
    if (next.done === true) return {content: Buffer.concat(parts), ...next.value};
    parts.push(next.value);
  }
}

test('what a backup was made of comes out of it, and what it says of itself is true', async (t) => {
  const made = await backup();
  const {content, summary, trailer} = await read(made);
  t.true(content.equals(TAR.subarray(0, TAR.length - TAR_END.length)));
  t.like(summary, {format: 1, ...OF, entries: 2, bytes: content.length});
  t.true(Buffer.concat([content, trailer]).equals(made));
});

test('any tar can open a backup, and sha256sum can check it', async (t) => {
  const made = await backup();
  t.deepEqual(execFileSync('tar', ['-t'], {input: made, encoding: 'utf8'}).split('\n'), ['volume/a', 'volume/b', 'flynn-volume.json', '']);
  const {summary} = await read(made);
  t.is(execFileSync('sha256sum', {input: made.subarray(0, summary.bytes), encoding: 'utf8'}).slice(0, 64), summary.sha256);
});

test('a backup that is cut off, damaged or none is refused', async (t) => {
  const made = await backup();
  for (const length of [0, 100, 1500, made.length - 512, made.length - 1]) await t.throwsAsync(read(made.subarray(0, length)), {message: /not a whole backup/}, `${length}`);
  const damaged = Buffer.from(made);
  damaged[600] = 0x63;
  await t.throwsAsync(read(damaged), {message: /damaged/});
  await t.throwsAsync(read(TAR), {message: /not a whole backup/});
  // A whole end after half of the content.
  await t.throwsAsync(read(Buffer.concat([made.subarray(0, 1024), made.subarray(-2048)])), {message: /damaged/});
});
