import test from 'ava';
import {updateSchemas} from '../../../reconciler/commits/schema-edits.ts';
import {readSchemas} from '../../../reconciler/commits/template.ts';

const NEW = {'app.schema.json': '{"new": 1}\n', 'node.schema.json': '{}\n'};

function change(there: Readonly<Record<string, string>>): Readonly<Record<string, string | undefined>> {
  const names = Object.keys(there);
  return updateSchemas(NEW)((path) => there[path], (folder) => names.filter((name) => name.startsWith(`${folder}/`)).map((name) => name.slice(folder.length + 1)));
}

test('schemas of an older version are replaced, new ones come, and others stay', (t) => {
  t.deepEqual(change({'.flynn/schemas/app.schema.json': '{}\n', '.flynn/schemas/mine.json': '{}'}), {'.flynn/schemas/app.schema.json': '{"new": 1}\n', '.flynn/schemas/node.schema.json': '{}\n'});
});

test('nothing is changed where they are the same', (t) => {
  t.deepEqual(change({'.flynn/schemas/app.schema.json': '{"new": 1}\n', '.flynn/schemas/node.schema.json': '{}\n'}), {});
});

test('a repository without any gets none', (t) => {
  t.deepEqual(change({'cluster.yaml': ''}), {});
});

test('there is one for each kind', async (t) => {
  t.deepEqual(Object.keys(await readSchemas(AbortSignal.timeout(30_000))).toSorted(), ['app', 'certificate', 'cluster', 'node', 'person', 'release', 'secrets', 'team'].map((kind) => `${kind}.schema.json`));
});
