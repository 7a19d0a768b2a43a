import {rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {rememberedNpmrc, type NpmAnswer} from '../../../reconciler/build/npm-settings.ts';
import {temporaryFolder} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);

test('npm is asked again only when one of its files was changed, made or removed', async t => {
  const folder = await temporaryFolder(t);
  const files = [path.join(folder, 'user'), path.join(folder, 'global')];
  let asked = 0;
  const npmrc = rememberedNpmrc(async () => ({npmrc: `answer ${(asked += 1)}`, files}));
  const answers = [await npmrc(signal), await npmrc(signal)];
  await writeFile(files[0] ?? '', 'registry=https://one.test/');
  answers.push(await npmrc(signal), await npmrc(signal));
  await writeFile(files[0] ?? '', 'registry=https://other.test/');
  answers.push(await npmrc(signal));
  await rm(files[0] ?? '');
  answers.push(await npmrc(signal), await npmrc(signal));
  t.deepEqual(answers, [1, 1, 2, 2, 3, 4, 4].map(number => `answer ${number}`));
});

test('an npm that does not answer is asked again by the next build, which has settings all the same', async t => {
  const answers: (NpmAnswer | undefined)[] = [undefined, {npmrc: 'registry=https://one.test/\n', files: []}];
  const npmrc = rememberedNpmrc(async () => answers.shift());
  t.regex(await npmrc(signal), /^audit=false$/m);
  t.is(await npmrc(signal), 'registry=https://one.test/\n');
});
