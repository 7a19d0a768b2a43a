import test from 'ava';
import {parseBuildpack, pinnedBuildpack, type BuildpackReference} from '../../schemas/buildpacks.ts';

const reads = test.macro({
  exec(t, written: string, expected: Partial<BuildpackReference> | string) {
    const parsed = parseBuildpack(written);
    t.deepEqual(parsed.ok ? parsed.value : parsed.problem, typeof expected === 'string' ? expected : {name: written, ...expected} as BuildpackReference);
  },
  title: (_, written) => `${written} is read`,
});

test(reads, 'python', {kind: 'built-in'});
test(reads, 'heroku/nodejs', {kind: 'built-in', name: 'nodejs'});
test(reads, 'flynn/gradle', {kind: 'built-in', name: 'java'});
test(reads, 'https://example.com/x.git', {kind: 'git', url: 'https://example.com/x.git'});
test(reads, 'https://example.com/x#v1.2', {kind: 'git', url: 'https://example.com/x', ref: 'v1.2'});
test(reads, 'http://127.0.0.1:8000/x.git#feature/a', {kind: 'git', url: 'http://127.0.0.1:8000/x.git', ref: 'feature/a'});
test(reads, 'https://example.com/x.tgz', {kind: 'tarball', url: 'https://example.com/x.tgz'});
test(reads, `https://example.com/x.tar.gz#sha256=${'a'.repeat(64)}`, {kind: 'tarball', url: 'https://example.com/x.tar.gz', sha256: 'a'.repeat(64)});
test(reads, './tools/buildpack/', {kind: 'folder', path: 'tools/buildpack'});
test(reads, 'heroku/nginx', {kind: 'git', url: 'https://github.com/heroku/heroku-buildpack-nginx.git'});
test(reads, 'ann/heroku-buildpack-x', {kind: 'git', url: 'https://github.com/ann/heroku-buildpack-x.git'});

const OURS = 'ruby, nodejs, java, python, php, go, rust, static, procfile';
const EXPECTED = 'expected one of ours, https://…git#ref, https://….tgz, or ./folder of the app';
test(reads, 'cobol', `is not known; ours are ${OURS}, others are named by URL or ./folder`);
test(reads, 'constructor', `is not known; ours are ${OURS}, others are named by URL or ./folder`);
test(reads, 'heroku/constructor', {kind: 'git', url: 'https://github.com/heroku/heroku-buildpack-constructor.git'});
test(reads, '', `is not known; ours are ${OURS}, others are named by URL or ./folder`);
test(reads, 'git@github.com:ann/x.git', 'is reached by SSH, for which builds have no key: use its https:// address');
test(reads, 'ssh://git@example.com/x.git', 'is reached by SSH, for which builds have no key: use its https:// address');
test(reads, 'file:///etc', `has a scheme that is not fetched, ${EXPECTED}`);
test(reads, '/etc', `is outside of the app, ${EXPECTED}`);
test(reads, '../x', `is outside of the app, ${EXPECTED}`);
test(reads, './a/../../x', "is no folder of the app's repository");
test(reads, './', "is no folder of the app's repository");
test(reads, 'https://example.com/x.git#--upload-pack=evil', 'has something after the # that names no branch, tag or commit');
test(reads, 'https://example.com/x.git#50%', 'has something after the # that names no branch, tag or commit');
test(reads, 'https://example.com/x.tgz#%zz', 'has something after the # that names no branch, tag or commit');
test(reads, 'https://example.com/x.tgz#v1', 'can only have #sha256= and 64 hex digits after the name of a .tgz');

test('what was used can be named exactly', (t) => {
  const commit = 'c'.repeat(40);
  t.is(pinnedBuildpack({name: 'python'}), 'python');
  t.is(pinnedBuildpack({name: './pack'}), './pack');
  t.is(pinnedBuildpack({name: 'https://example.com/x.git#v1', commit}), `https://example.com/x.git#${commit}`);
  t.is(pinnedBuildpack({name: 'heroku/nginx', commit}), `https://github.com/heroku/heroku-buildpack-nginx.git#${commit}`);
  t.is(pinnedBuildpack({name: 'https://example.com/x.tgz', sha256: 'd'.repeat(64)}), `https://example.com/x.tgz#sha256=${'d'.repeat(64)}`);
});
