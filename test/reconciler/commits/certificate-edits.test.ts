import test from 'ava';
import {loadManifest} from '../../../schemas/load.ts';
import {EditRefused, type Edit} from '../../../reconciler/checkout/snapshot.ts';
import {removeCertificateFile, setAcme, writeCertificateFile} from '../../../reconciler/commits/certificate-edits.ts';
import {SealedForOthers} from '../../../reconciler/commits/env-edits.ts';
import {rotateSecrets} from '../../../reconciler/commits/secret-edits.ts';
import {EXAMPLE_CHAIN} from '../../support/example-chain.ts';
import {indented, SEALED} from '../../support/sealed.ts';

const OLD = `age1${'q'.repeat(58)}`;
const NEW = `age1${'p'.repeat(58)}`;
const CLUSTER = `apiVersion: flynn/v1
kind: Cluster
name: test # ours
domain: flynn.test
recipients:
  - ${OLD}
`;
const FILE = 'certificates/_.example.com.yaml';
const WRITTEN = `# yaml-language-server: $schema=../.flynn/schemas/certificate.schema.json
apiVersion: flynn/v1
kind: Certificate
certificate: |
${indented(EXAMPLE_CHAIN, 2)}key: |
${indented(SEALED, 2)}`;

function run(files: Readonly<Record<string, string>>, edit: Edit) {
  return edit((file) => files[file], (folder) => Object.keys(files).flatMap((file) => (file.startsWith(`${folder}/`) ? [file.slice(folder.length + 1)] : [])));
}

const NEW_ONE = {name: '_.example.com', certificate: EXAMPLE_CHAIN, key: SEALED, recipients: [OLD]};

test('a certificate is a file that the schema accepts, and the same one is no change, however its key is sealed', (t) => {
  t.deepEqual(run({'cluster.yaml': CLUSTER}, writeCertificateFile(NEW_ONE)), {[FILE]: WRITTEN});
  t.true(loadManifest('Certificate', FILE, WRITTEN).ok);
  t.deepEqual(run({'cluster.yaml': CLUSTER, [FILE]: WRITTEN}, writeCertificateFile({...NEW_ONE, key: SEALED.replace('YWdl', 'YWdm')})), {});
});

test('a key that was sealed to others is not written', (t) => {
  t.throws(() => run({'cluster.yaml': CLUSTER}, writeCertificateFile({...NEW_ONE, recipients: [NEW]})), {instanceOf: SealedForOthers});
});

test('what is removed has to be there', (t) => {
  t.deepEqual(run({[FILE]: WRITTEN}, removeCertificateFile('_.example.com')), {[FILE]: undefined});
  t.throws(() => run({[FILE]: WRITTEN}, removeCertificateFile('shop')), {instanceOf: EditRefused, message: 'there is no certificate "shop": known are _.example.com'});
});

test('an authority is written below what there is, and is taken away as it came', (t) => {
  const acme = {directory: 'https://acme.example.com/dir', email: 'ops@example.com', eab: {keyId: 'kid-1', key: SEALED}};
  const text = run({'cluster.yaml': CLUSTER}, setAcme(acme, [OLD]))['cluster.yaml'] ?? '';
  t.is(text, `${CLUSTER}tls:\n  acme:\n    directory: "https://acme.example.com/dir"\n    email: "ops@example.com"\n    eab:\n      keyId: "kid-1"\n      key: |\n${indented(SEALED, 8)}`);
  t.deepEqual(run({'cluster.yaml': text}, setAcme(acme, [OLD])), {});
  t.deepEqual(run({'cluster.yaml': text}, setAcme(undefined, [])), {'cluster.yaml': CLUSTER});
});

test('what else is said of TLS stays', (t) => {
  const text = `${CLUSTER}tls:\n  hsts: {maxAgeSeconds: 300} # for now\n`;
  t.is(run({'cluster.yaml': text}, setAcme({email: 'ops@example.com'}, []))['cluster.yaml'], `${text}  acme:\n    email: "ops@example.com"\n`);
});

test('a new key of the cluster seals keys of certificates and of the account anew', (t) => {
  const cluster = run({'cluster.yaml': CLUSTER}, setAcme({eab: {keyId: 'kid-1', key: SEALED}}, [OLD]))['cluster.yaml'] ?? '';
  const resealed = SEALED.replace('YWdl', 'YWdm');
  const changes = run({'cluster.yaml': cluster, [FILE]: WRITTEN}, rotateSecrets({recipients: [OLD], from: OLD, to: NEW, sealed: new Map([[SEALED, resealed]])}));
  t.deepEqual(Object.keys(changes).toSorted(), [FILE, 'cluster.yaml']);
  t.is(changes[FILE], WRITTEN.replace(indented(SEALED, 2), indented(resealed, 2)));
  t.true(changes['cluster.yaml']?.includes(indented(resealed, 8)));
  t.throws(() => run({'cluster.yaml': CLUSTER, [FILE]: WRITTEN}, rotateSecrets({recipients: [OLD], from: OLD, to: NEW, sealed: new Map()})), {instanceOf: SealedForOthers});
});
