import test from 'ava';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import {validateFiles} from '../../../reconciler/desired/validate.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, cluster, config, file, head, release} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const SECRETS = file('apps/shop/secrets.yaml', `${head('Secrets')}env:\n${['TOKEN', 'HOOK', 'PASSWORD'].map((name) => `  ${name}: |\n${indented(SEALED, 4)}`).join('')}`);
const RELEASE = release('shop', 1, '{web: {command: [a]}}');

function resolve(...files: Parameters<typeof validateFiles>[0]) {
  return resolveApp({name: 'shop' as AppName, treeId: '' as TreeId, files}, config(), 'flynn.localhost');
}

test('a followed source comes with its secrets, which the app does not get', (t) => {
  const resolved = resolve(app('shop', 'source: {git: "https://git.example.com/shop.git", path: services/shop, tokenSecret: TOKEN, hookSecret: HOOK}\n'), RELEASE, SECRETS);
  if (resolved.state !== 'resolved') return t.fail();
  t.deepEqual(resolved.source, {git: 'https://git.example.com/shop.git', branch: 'main', path: 'services/shop', intervalMs: 60_000, sealedToken: SEALED, sealedHook: SEALED});
  t.deepEqual(Object.keys(resolved.services[0]?.container.sealedEnv ?? {}), ['PASSWORD']);
});

test('following a source is no deploy', (t) => {
  const without = resolve(app('shop', ''), RELEASE, SECRETS);
  const following = resolve(app('shop', 'source: {git: "https://git.example.com/shop.git"}\n'), RELEASE, SECRETS);
  if (without.state !== 'resolved' || following.state !== 'resolved') return t.fail();
  t.is(following.specKey, without.specKey);
  t.false('source' in without);
});

for (const [source, problem] of [
  ['{git: "git@git.example.com:shop.git"}', 'apps/shop/app.yaml:3:15: source.git must be an https:// URL of a repository: SSH and paths are not followed'],
  ['{git: /srv/shop.git}', 'apps/shop/app.yaml:3:15: source.git must be an https:// URL of a repository: SSH and paths are not followed'],
  ['{git: "https://ann:hunter2@git.example.com/shop.git"}', 'apps/shop/app.yaml:3:15: source.git has a user or a password in it, which everybody who can read this repository could read: make it a secret, and name that in source.tokenSecret'],
  ['{git: "http://git.example.com/shop.git", tokenSecret: TOKEN}', 'apps/shop/app.yaml:3:63: a token would be sent in the clear: source.git has to be https://'],
  ['{git: "https://git.example.com/shop.git", tokenSecret: NONE}', 'apps/shop/app.yaml:3:64: secrets.yaml has no "NONE" in its env: flynn env set --secret NONE'],
  ['{git: "https://git.example.com/shop.git", path: ../other}', 'apps/shop/app.yaml:3:57: source.path must be a folder of the repository such as services/shop, without a slash at its ends, not "../other"'],
  ['{git: "https://git.example.com/shop.git", branch: "--upload-pack=x"}', 'apps/shop/app.yaml:3:59: source.branch must be the name of a branch such as main or release/2, not "--upload-pack=x"'],
  ['{git: "https://git.example.com/shop.git", intervalSeconds: 1}', 'apps/shop/app.yaml:3:68: source.intervalSeconds must be a number from 10 to 86400, not "1"'],
] as const) {
  test(`refused: source: ${source}`, (t) => {
    t.deepEqual(validateFiles([cluster(), app('shop', `source: ${source}\n`), RELEASE, SECRETS], 'flynn.localhost').map(formatDiagnostic), [problem]);
  });
}
