import test from 'ava';
import type {Snapshot} from '../../../reconciler/checkout/snapshot.ts';
import {buildInputs, rebuildInputs} from '../../../reconciler/receive/build-inputs.ts';
import type {AppName} from '../../../schemas/ids.ts';

const SHOP = 'shop' as AppName;
const signal = new AbortController().signal;
const [OLD, NEW] = ['a'.repeat(40), 'b'.repeat(40)];
const PINNED = 'c'.repeat(40);

/** A cluster with one app. */
function snapshotOf(files: Readonly<Record<string, string>>): Snapshot {
  const text = ([path, content]: [string, string]) => ({kind: 'text', path, text: content});
  return {
    shared: {files: async () => [text(['cluster.yaml', 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.localhost\n'])]},
    apps: [{name: SHOP, files: async () => Object.entries(files).map(([name, content]) => text([`apps/shop/${name}`, content]))}],
  } as unknown as Snapshot;
}

function release(commit: string, buildpacks: string): string {
  return `apiVersion: flynn/v1
kind: Release
image: sha256:${'0'.repeat(64)}
source: {commit: "${commit}", builder: Node.js${buildpacks}}
services: {web: {command: [npm start]}}
pushedBy: ann
createdAt: 2026-11-23T09:30:00Z
`;
}

const FILES = {
  'app.yaml': 'apiVersion: flynn/v1\nkind: App\nbuildpacks: [python]\n',
  'releases/v0001.yaml': release(OLD, `, buildpacks: [{name: "https://example.com/x.git#main", commit: "${PINNED}"}, {name: nodejs}]`),
  'releases/v0002.yaml': release(NEW, ''),
};

test('a push is built with what app.yaml says', async (t) => {
  const inputs = await buildInputs(SHOP, snapshotOf(FILES), signal);
  t.deepEqual(inputs.buildpacks, ['python']);
  t.is(inputs.current?.number, 2);
});

test('a release whose image is lost is built with exactly the buildpacks that it was built with', async (t) => {
  const inputs = await rebuildInputs({app: SHOP, commit: OLD}, snapshotOf(FILES), signal);
  t.deepEqual(inputs.buildpacks, [`https://example.com/x.git#${PINNED}`, 'nodejs']);
});

test('a release that says nothing of buildpacks is built as a push would be', async (t) => {
  t.deepEqual((await rebuildInputs({app: SHOP, commit: NEW}, snapshotOf(FILES), signal)).buildpacks, ['python']);
});
