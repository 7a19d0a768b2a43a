import {execFileSync} from 'node:child_process';
import {Readable} from 'node:stream';
import test from 'ava';
import {editTar, pathOf, withTime} from '../../../reconciler/adapters/tar-edit.ts';

const LONG = `${'folder/'.repeat(20)}file`;

async function edited(edit: Parameters<typeof editTar>[1]): Promise<string> {
  const tar = execFileSync('bash', ['-c', `cd "$(mktemp -d)" && mkdir -p "$(dirname ${LONG})" && echo long > ${LONG} && echo a > a && echo b > b && ln -s a link && touch -d @1000 a && touch -d @2000000000 b && tar --format=pax --pax-option=delete=atime,delete=ctime,delete=mtime --sort=name -cf - .`]);
  const parts: Buffer[] = [];
  for await (const part of editTar(Readable.from([tar]), edit)) parts.push(part);
  return execFileSync('tar', ['--list', '--verbose', '--utc', '--full-time', '--file=-'], {input: Buffer.concat(parts)}).toString();
}

test('an entry with a long name goes with the header that says it, and the rest stays as it was', async (t) => {
  const listing = await edited(({name}, block) => (pathOf(name).startsWith('folder') ? undefined : block));
  t.false(listing.includes('folder'));
  t.deepEqual(listing.trim().split('\n').map((line) => line.replace(/.* \d\d:\d\d:\d\d(\.\d+)? +/, '')), ['./', './a', './b', './link -> a']);
});

test('a time can be changed, and the tar is whole', async (t) => {
  const listing = await edited(({modifiedAtSeconds}, block) => (modifiedAtSeconds > 1_700_000_000 ? withTime(block, 1_700_000_000) : block));
  t.regex(listing, / 1970-01-01 00:16:40(\.0+)? +\.\/a\n/);
  t.regex(listing, / 2023-11-14 22:13:20(\.0+)? +\.\/b\n/);
});
