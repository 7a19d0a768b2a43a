import test from 'ava';
import type {BlobId} from '../../../schemas/ids.ts';
import {fail} from '../../../schemas/result.ts';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {problemsOfCertificate, resolveTls, sealedKeysIn} from '../../../reconciler/desired/tls.ts';
import {EXAMPLE_CHAIN} from '../../support/example-chain.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const DOMAIN = {domain: 'apps.example.com'};

function file(name: string, certificate = EXAMPLE_CHAIN, key = SEALED): ManifestFile {
  return {path: `certificates/${name}.yaml`, kind: 'text', blobId: name as BlobId, text: `apiVersion: flynn/v1\nkind: Certificate\ncertificate: |\n${indented(certificate, 2)}key: |\n${indented(key, 2)}`};
}

test('a repository that says nothing of TLS leaves all to the internal authority', (t) => {
  t.is(resolveTls(undefined, [], DOMAIN), undefined);
});

test('an authority is Let\'s Encrypt unless a directory is named, and git and the API are hosts too', (t) => {
  t.deepEqual(resolveTls({acme: {email: 'ops@example.com'}, internal: ['corp.example.com', 'a.example.com'], hsts: {preload: true}}, [], DOMAIN), {
    acme: {directory: 'https://acme-v02.api.letsencrypt.org/directory', email: 'ops@example.com'},
    internal: ['a.example.com', 'corp.example.com'],
    platformHosts: ['git.apps.example.com', 'api.apps.example.com'],
    hsts: 'max-age=31536000; preload',
    certificates: [],
  });
});

test('certificates are those of the folder, by name, and their keys stay sealed', (t) => {
  const files = [file('b'), file('a'), {path: 'certificates/README.md', kind: 'text', blobId: 'x' as BlobId, text: 'ours'} as const];
  const certificates = resolveTls(undefined, files, DOMAIN)?.certificates ?? [];
  t.deepEqual(certificates.map(({name, hosts, sealedKey, problem}) => ({name, hosts, isSealed: sealedKey.trim() === SEALED.trim(), problem})), ['a', 'b'].map((name) => ({name, hosts: ['*.example.com', 'example.com'], isSealed: true, problem: undefined})));
  t.is(new Set(certificates.map(({id}) => id)).size, 1);
  t.deepEqual(sealedKeysIn(files).map((key) => key.trim()), [SEALED.trim(), SEALED.trim()]);
});

test('one that is wrong, or whose key this node can\'t open, is told and left out, and the others are not', (t) => {
  const [sealed = ''] = sealedKeysIn([file('a')]);
  const certificates = resolveTls(undefined, [file('a'), file('wrong', 'nothing', 'nothing')], {...DOMAIN, opened: new Map([[sealed, fail('no identity fits')]])})?.certificates ?? [];
  t.is(certificates[0]?.problem, 'certificates/a.yaml: its key can\'t be decrypted: no identity fits');
  t.regex(certificates[1]?.problem ?? '', /^certificates\/wrong\.yaml:4:3: certificate must be certificates in PEM|^certificates\/wrong\.yaml:3:\d+: certificate must be certificates in PEM/);
});

test('a file whose name is no certificate\'s is not read', (t) => {
  t.regex(problemsOfCertificate(file('Shop'))[0]?.message ?? '', /^is not read: a certificate is a file certificates\/<name>\.yaml/);
  t.deepEqual(problemsOfCertificate(file('_.example.com')), []);
});
