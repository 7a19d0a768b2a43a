import {execFileSync} from 'node:child_process';
import {Readable} from 'node:stream';
import test from 'ava';
import {TAR_END, tarFile, tarHeader, tarPieces} from '../../../reconciler/adapters/tar.ts';

const FOLDER = {name: './', type: '5', sizeBytes: 0, mode: 0o755, ownerId: 1000, groupId: 1001};

async function read(tar: Buffer, chunkBytes = tar.length): Promise<{names: string[]; bytes: Buffer}> {
  const chunks = Array.from({length: Math.ceil(tar.length / chunkBytes)}, (_, index) => tar.subarray(index * chunkBytes, (index + 1) * chunkBytes));
  const names: string[] = [];
  const parts: Buffer[] = [];
  for await (const {header, bytes} of tarPieces(Readable.from(chunks))) {
    if (header !== undefined) names.push(`${header.type} ${header.name} ${header.sizeBytes} ${header.ownerId}:${header.groupId} ${header.mode.toString(8)}`);
    parts.push(bytes);
  }
  return {names, bytes: Buffer.concat(parts)};
}

test('entries come in order, and all bytes but the end mark come through, however the stream is cut', async (t) => {
  const content = Buffer.concat([tarHeader(FOLDER), tarFile('a.txt', 'a'), tarFile('empty', ''), tarFile('b.txt', 'b'.repeat(2000))]);
  for (const chunkBytes of [7, 512, 1000, 100_000]) {
    const {names, bytes} = await read(Buffer.concat([content, TAR_END]), chunkBytes);
    t.deepEqual(names, ['5 ./ 0 1000:1001 755', '0 a.txt 1 0:0 644', '0 empty 0 0:0 644', '0 b.txt 2000 0:0 644']);
    t.true(bytes.equals(content), `${chunkBytes}`);
  }
});

test('what GNU tar writes is read, long names and links included', async (t) => {
  const long = `${'folder/'.repeat(20)}file`;
  const tar = execFileSync('bash', ['-c', `cd "$(mktemp -d)" && mkdir -p "$(dirname ${long})" && echo x > ${long} && ln -s ${long} link && tar --format=pax -cf - .`]);
  const {names} = await read(tar, 333);
  t.true(names.some((name) => name.startsWith('2 ./link 0')));
  t.true(names.some((name) => name.startsWith('x ')), 'the long name has an extended header');
});

test('a size beyond what a header holds is taken from the extended header before it', async (t) => {
  const record = '20 size=000000000600\n'.replace('20', '21');
  const extended = Buffer.concat([tarHeader({...FOLDER, name: 'PaxHeader', type: 'x', sizeBytes: record.length}), Buffer.from(record.padEnd(512, '\0'))]);
  const file = Buffer.concat([tarHeader({...FOLDER, name: 'large', type: '0', sizeBytes: 0}), Buffer.alloc(1024, 1)]);
  const {names} = await read(Buffer.concat([extended, file, TAR_END]));
  t.deepEqual(names.map((name) => name.split(' ').slice(0, 3).join(' ')), ['x PaxHeader 21', '0 large 600']);
});

test('who gives the bytes is told that no more are wanted, at the end mark and when the reader goes earlier', async (t) => {
  const ends: string[] = [];
  const source = async function* (name: string) {
    try {
      yield Buffer.concat([tarFile('a', 'a'), tarFile('b', 'b'), TAR_END, Buffer.alloc(8192)]);
      yield Buffer.alloc(8192);
    } finally {
      ends.push(name);
    }
  };
  for await (const _piece of tarPieces(source('read to the end')));
  for await (const _piece of tarPieces(source('left early'))) break;
  t.deepEqual(ends, ['read to the end', 'left early']);
});

test('a tar that is cut off, damaged or none is told from a whole one', async (t) => {
  const whole = Buffer.concat([tarFile('a', 'a'), TAR_END]);
  await t.throwsAsync(read(whole.subarray(0, 700)), {message: /cut off/});
  await t.throwsAsync(read(whole.subarray(0, 1024)), {message: /cut off/}, 'no end mark');
  const damaged = Buffer.from(whole);
  damaged[0] = 0x62;
  await t.throwsAsync(read(damaged), {message: /checksum/});
  await t.throwsAsync(read(Buffer.alloc(512, 'x')), {message: /not a tar/});
});
