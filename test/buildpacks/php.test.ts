import ava from 'ava';
import {execa} from 'execa';
import {runInApp, type Files} from '../support/buildpack-scripts.ts';

/** The build image has jq; a machine that only runs these tests need not. */
const test = (await execa('jq', ['--version'], {reject: false})).failed ? ava.skip : ava;

const prints = ava.macro(async (t, script: string, files: Files, expected: string) => {
  const {output} = await runInApp('php', {script: `$BUILDPACK/bin/${script}`, files});
  t.is(output, expected);
});

const serves = (folder: string) => `default_process_types:\n  web: ".flynn/php/web${folder}"`;

test('an app with a composer.json is PHP', prints, 'detect .', {'composer.json': '{}'}, 'PHP');
test('an app with an index.php is PHP', prints, 'detect .', {'index.php': ''}, 'PHP');
test('an app with an index.html is not PHP', prints, 'detect .', {'index.html': ''}, '');
test('what lies beside public/ is not served', prints, 'release .', {'public/index.php': '', 'artisan': ''}, serves(' public/'));
test('an index.php at the root is served from there', prints, 'release .', {'index.php': ''}, serves(''));

const wantsExtensions = ava.macro(async (t, files: Files, expected: readonly string[]) => {
  const {output} = await runInApp('php', {script: '$BUILDPACK/bin/packages . | tail -n +4', files});
  t.deepEqual(output.split('\n').filter((line) => line !== ''), expected);
});

test('extensions of the app become packages, those that PHP has built in do not', wantsExtensions, {'composer.json': '{"require": {"php": "^8.2", "ext-json": "*", "ext-pdo_mysql": "*", "ext-gd": "*", "ext-Redis": "*"}}'}, ['both php-gd', 'both php-redis']);
test('extensions of the app’s packages count, those of its tests do not', wantsExtensions, {
  'composer.json': '{"require": {"acme/money": "*"}, "require-dev": {"ext-xdebug": "*"}}',
  'composer.lock': '{"packages": [{"name": "acme/money", "require": {"ext-bcmath": "*"}}], "packages-dev": [{"name": "acme/coverage", "require": {"ext-pcov": "*"}}], "platform": {"ext-intl": "*"}}',
}, ['both php-bcmath', 'both php-intl']);
test('an empty list of requirements, which PHP writes as [], wants nothing', wantsExtensions, {'composer.json': '{"require": []}', 'composer.lock': '{"packages": [], "platform": []}'}, []);
test('an extension that nobody has packaged is left to composer, which names it', wantsExtensions, {'composer.json': '{"require": {"ext-swoole": "*"}}'}, []);
