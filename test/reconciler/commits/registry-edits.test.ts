import test from 'ava';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import {SealedForOthers} from '../../../reconciler/commits/env-edits.ts';
import {setRegistry} from '../../../reconciler/commits/registry-edits.ts';
import {rotateSecrets} from '../../../reconciler/commits/secret-edits.ts';
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

function edited(text: string, edit: ReturnType<typeof setRegistry>): string | undefined {
  return edit((file) => (file === 'cluster.yaml' ? text : undefined), () => [])['cluster.yaml'];
}

test('a registry is written below what there is, its password as a block, and is taken away as it came', (t) => {
  const registry = {host: '127.0.0.1:5000', path: 'team', username: 'ada', password: SEALED};
  const text = edited(CLUSTER, setRegistry(registry, [OLD])) ?? '';
  t.is(text, `${CLUSTER}registry:\n  host: "127.0.0.1:5000"\n  path: "team"\n  username: "ada"\n  password: |\n${indented(SEALED, 4)}`);
  t.is(edited(text, setRegistry(registry, [OLD])), undefined);
  t.is(edited(text, setRegistry(undefined, [])), CLUSTER);
});

test('another registry takes its place, and nothing of the old one stays', (t) => {
  const text = edited(CLUSTER, setRegistry({host: 'one.test', path: 'a', username: 'ada', password: SEALED}, [OLD])) ?? '';
  t.is(edited(text, setRegistry({host: 'two.test'}, [])), `${CLUSTER}registry:\n  host: "two.test"\n`);
});

test('a password that was sealed to others is not written, nor anything into a manifest that is wrong', (t) => {
  t.throws(() => edited(CLUSTER, setRegistry({host: 'one.test', username: 'ada', password: SEALED}, [NEW])), {instanceOf: SealedForOthers});
  t.throws(() => edited('kind: Cluster\n', setRegistry({host: 'one.test'}, [])), {instanceOf: EditRefused});
  t.throws(() => edited(CLUSTER, setRegistry({host: 'https://one.test/'}, [])), {instanceOf: EditRefused});
});

test('a key that is rotated takes the password along', (t) => {
  const text = edited(CLUSTER, setRegistry({host: 'one.test', username: 'ada', password: SEALED}, [OLD])) ?? '';
  const anew = SEALED.replace('pXQUjCrfeHsXwOMKag==', 'pXQUjCrfeHsXwOMKbg==');
  const rotation = {recipients: [OLD], from: OLD, to: NEW, sealed: new Map([[SEALED, anew]])};
  t.is(edited(text, rotateSecrets(rotation)), text.replace(OLD, `"${NEW}"`).replace('pXQUjCrfeHsXwOMKag==', 'pXQUjCrfeHsXwOMKbg=='));
  t.throws(() => edited(text, rotateSecrets({...rotation, sealed: new Map()})), {instanceOf: SealedForOthers});
});
