import test from 'ava';
import {npmrcFrom} from '../../../reconciler/build/npm-settings.ts';
import {detail, formatDuration, formatLimit, formatMegabytes, step, warning} from '../../../reconciler/build/output.ts';

test('steps, details and warnings are indented as on Heroku', t => {
  t.deepEqual([step('a'), detail('b'), warning('c')], ['-----> a', '       b', ' !     c']);
});

test('sizes and times are written in the units that people set them in', t => {
  t.deepEqual([formatMegabytes(45_200_000), formatLimit(2 ** 31), formatLimit(512 * 2 ** 20), formatDuration(900_000), formatDuration(6000)], ['45.2M', '2Gi', '512Mi', '15 min', '6 s']);
});

test('a build gets the machine’s registries and none of its tokens', t => {
  const npmrc = npmrcFrom({
    registry: 'https://user:canary@npm.test/all/',
    '@acme:registry': 'https://acme.test/npm/',
    '//npm.test/:_authToken': 'canary',
    '_auth': 'canary',
    nodedir: '/usr',
  });
  t.true(npmrc.startsWith('registry=https://npm.test/all/\n@acme:registry=https://acme.test/npm/\naudit=false\n'));
  t.false(npmrc.includes('canary'));
  t.false(npmrc.includes('nodedir'));
});
