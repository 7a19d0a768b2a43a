import test from 'ava';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import {validateFiles} from '../../../reconciler/desired/validate.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, cluster, config, file, head, release} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const SECRETS = file('apps/shop/secrets.yaml', `${head('Secrets')}env:\n  LOGS: |\n${indented(SEALED, 4)}`);
const RELEASE = release('shop', 1, '{web: {command: [a]}}');

function resolve(...files: Parameters<typeof validateFiles>[0]) {
  return resolveApp({name: 'shop' as AppName, treeId: '' as TreeId, files}, config(), 'flynn.localhost');
}

test('drains come with their secrets, sealed as they are in git; they deploy nothing', (t) => {
  const without = resolve(app('shop', ''), RELEASE, SECRETS);
  const with_ = resolve(app('shop', 'drains:\n  - url: syslog+tls://logs.example.com\n  - {url: "https://logs.example.com/in", headers: {X-Team: shop}, secretHeaders: {Authorization: LOGS}, verify: false}\n'), RELEASE, SECRETS);
  if (without.state !== 'resolved' || with_.state !== 'resolved') return t.fail();
  t.deepEqual(with_.drains, [
    {url: 'syslog+tls://logs.example.com'},
    {url: 'https://logs.example.com/in', headers: {'X-Team': 'shop'}, sealedHeaders: {Authorization: SEALED}, verify: false},
  ]);
  t.is(with_.specKey, without.specKey);
  t.false('drains' in without);
});

test('mistakes in drains are told at their places, without what may be secret in a url', (t) => {
  const problems = (drains: string) => validateFiles([cluster(), app('shop', `drains:\n${drains}`), RELEASE, SECRETS], 'flynn.localhost').map(formatDiagnostic);
  t.deepEqual(problems(`  - url: ftp://user:hunter2@logs.example.com/?token=hunter3
  - url: syslog://logs.example.com:514/path
  - {url: "gelf://logs.example.com", headers: {A: b}}
  - {url: "https://logs.example.com", secretHeaders: {Authorization: NONE}}
`), [
    'apps/shop/app.yaml:4:10: url must be syslog://, syslog+tcp://, syslog+tls://, http://, https://, loki+http://, loki+https://, gelf://, gelf+tcp://, gelf+tls:// and a host, not "ftp://logs.example.com/"',
    'apps/shop/app.yaml:5:10: a syslog url has only a host and a port, "syslog://logs.example.com:514"',
    'apps/shop/app.yaml:6:47: a gelf drain has no headers',
  ]);
  t.deepEqual(problems('  - {url: "https://logs.example.com", secretHeaders: {Authorization: NONE}}\n'), ['apps/shop/app.yaml:4:70: secrets.yaml has no "NONE" in its env']);
});
