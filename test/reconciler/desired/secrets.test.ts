import test from 'ava';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {Opened} from '../../../reconciler/desired/secrets.ts';
import {validateFiles} from '../../../reconciler/desired/validate.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppId, AppName, TreeId} from '../../../schemas/ids.ts';
import {fail, ok, type Result} from '../../../schemas/result.ts';
import {app, cluster, config, file, head, release} from '../../support/manifests.ts';
import {seal} from '../../../reconciler/secrets/keyring.ts';
import {indented, keyring, SEALED} from '../../support/sealed.ts';

const OTHER = SEALED.replace('pXQU', 'pXQV');
const FILES = [app('shop', 'env: {LOG: info, BOTH: plain}\nservices: {web: {env: {ONE: "1"}}, worker: {replicas: 1, env: {APP_WIDE: plain}}}\n'), release('shop', 1, '{web: {command: [a]}, worker: {command: [b]}}')];

function secrets(yaml: string) {
  return file('apps/shop/secrets.yaml', head('Secrets') + yaml);
}

function block(path: readonly string[], value = SEALED): string {
  return path.map((key, depth) => `${'  '.repeat(depth)}${key}:${depth === path.length - 1 ? ' |' : ''}\n`).join('') + indented(value, path.length * 2);
}

function resolve(files: Parameters<typeof validateFiles>[0], opened?: Opened) {
  return resolveApp({name: 'shop' as AppName, treeId: '' as TreeId, files, ...(opened && {opened})}, config(), 'flynn.localhost');
}

function environments(files: Parameters<typeof validateFiles>[0], opened?: Opened) {
  const resolved = resolve(files, opened);
  if (resolved.state === 'invalid') throw new Error(resolved.problems.map(formatDiagnostic).join('\n'));
  return Object.fromEntries(resolved.services.map(({name, container}) => [name, {env: Object.keys(container.env), sealed: container.sealedEnv}]));
}

test('secrets come beside the environment, sealed as they are in git; what a service sets wins over its app', (t) => {
  const yaml = `${block(['env', 'APP_WIDE'])}services:\n  web:\n    env:\n      BOTH: |\n${indented(OTHER, 8)}`;
  t.deepEqual(environments([...FILES, secrets(yaml)]), {
    web: {env: ['LOG', 'ONE', 'PORT'], sealed: {APP_WIDE: SEALED, BOTH: OTHER}},
    worker: {env: ['APP_WIDE', 'BOTH', 'LOG'], sealed: undefined},
  });
});

test('without secrets a spec is what it was before there were any', (t) => {
  const before = resolve(FILES);
  t.deepEqual(resolve([...FILES, secrets('')]), before);
  t.false(before.state === 'resolved' && before.services.some(({container}) => 'sealedEnv' in container));
});

test('the hash of a spec follows the value and not how it was sealed', (t) => {
  const key = (value: string, digest: string) => {
    const resolved = resolve([...FILES, secrets(block(['env', 'A'], value))], new Map([[value, ok({digest})]]));
    return resolved.state === 'resolved' ? resolved.specKey : t.fail(resolved.problems.map(formatDiagnostic).join());
  };
  t.is(key(SEALED, 'same'), key(OTHER, 'same'));
  t.not(key(SEALED, 'same'), key(SEALED, 'another'));
});

test('values that this node can\'t open are told at their places, and the app is not taken for one without secrets', (t) => {
  const resolved = resolve([...FILES, secrets(block(['env', 'A']) + block(['services', 'web', 'env', 'B'], OTHER))], new Map<string, Result<{digest: string}, string>>([[SEALED, ok({digest: 'x'})], [OTHER, fail('it is encrypted for other keys than this node has')]]));
  t.like(resolved, {state: 'invalid', reason: 'SecretsUnreadable'});
  t.deepEqual(resolved.state === 'invalid' && resolved.problems.map(formatDiagnostic), ["apps/shop/secrets.yaml:15:10: services.web.env.B can't be decrypted: it is encrypted for other keys than this node has"]);
});

const refuses = test.macro({
  exec(t, yaml: string, expected: readonly string[]) {
    t.deepEqual(validateFiles([cluster(), ...FILES, secrets(yaml)], 'flynn.localhost').map(formatDiagnostic), expected);
  },
  title: (name) => `secrets.yaml is refused with ${name}`,
});

test('a plain value', refuses, 'env:\n  A: hunter2\n', ['apps/shop/secrets.yaml:4:6: env.A has to begin with "-----BEGIN AGE ENCRYPTED FILE-----": it is no value that age has encrypted']);
test('a number, which is not repeated', refuses, 'env: {A: 1234}\n', ['apps/shop/secrets.yaml:3:10: env.A must be a value that age has encrypted: flynn env set --secret writes it']);
test('a value that was cut off', refuses, block(['env', 'A'], SEALED.split('\n').slice(0, 5).join('\n')), ['apps/shop/secrets.yaml:4:6: env.A has to end with "-----END AGE ENCRYPTED FILE-----": its end is missing']);
test('a value with a line less', refuses, block(['env', 'A'], SEALED.split('\n').toSpliced(1, 1).join('\n')), ['apps/shop/secrets.yaml:4:6: env.A is damaged: its header is not that of an age file (age-encryption.org/v1)']);
test('a value with a character less', refuses, block(['env', 'A'], SEALED.replace('VENRa', 'VENR')), ['apps/shop/secrets.yaml:4:6: env.A is damaged: its lines are no longer what age wrote']);
test('a name that is in app.yaml too', refuses, block(['env', 'LOG']) + block(['services', 'web', 'env', 'ONE']), [
  'apps/shop/secrets.yaml:4:8: env.LOG is set in app.yaml too: remove one of the two',
  'apps/shop/secrets.yaml:15:12: services.web.env.ONE is set in app.yaml too: remove one of the two',
]);
test('the port', refuses, block(['env', 'PORT']), ["apps/shop/secrets.yaml:4:9: PORT can't be a secret: it is the `port:` of a service in app.yaml"]);
test('a name that is no variable', refuses, block(['env', 'A-B']), ['apps/shop/secrets.yaml:4:3: "A-B" in env must be the name of a variable: letters, digits and _, not a digit first']);

test('a secret that was copied out of another app is refused at its place', async (t) => {
  const {recipient} = await keyring(t);
  const [own, foreign, ofCluster] = await Promise.all([seal('a', [recipient], 'shop' as AppId), seal('b', [recipient], 'blog' as AppId), seal('c', [recipient], 'cluster')]);
  t.is(resolve([...FILES, secrets(block(['env', 'A'], own))]).state, 'resolved');
  const resolved = resolve([...FILES, secrets(block(['env', 'A'], foreign) + block(['services', 'web', 'env', 'B'], ofCluster))]);
  t.deepEqual(resolved.state === 'invalid' && resolved.problems.map(formatDiagnostic), [
    'apps/shop/secrets.yaml:4:6: env.A was encrypted for the app "blog", and is of no use here: set it anew with flynn env set --secret',
    'apps/shop/secrets.yaml:15:10: services.web.env.B was encrypted for the cluster itself, and is of no use here: set it anew with flynn env set --secret',
  ]);
});
