import {readdirSync, readFileSync} from 'node:fs';
import {Ajv} from 'ajv';
import test from 'ava';
import {generateSchemas, JSON_FOLDER} from '../../schemas/generate.ts';
import {SCHEMAS} from '../../schemas/load.ts';
import {describeManifests, MANUAL_FILE} from '../../schemas/manual.ts';

test('the committed JSON Schemas are what would be generated (npm run schemas)', (t) => {
  const committed = Object.fromEntries(readdirSync(JSON_FOLDER).map((name) => [name, readFileSync(new URL(name, JSON_FOLDER), 'utf8')]));
  t.deepEqual(committed, {...generateSchemas()});
});

test('the page of all fields is what would be generated (npm run schemas)', (t) => {
  t.is(readFileSync(MANUAL_FILE, 'utf8'), describeManifests());
});

test('every field says what it means', (t) => {
  t.deepEqual(describeManifests().split('\n').filter((line) => /^\| `.*\|\s*\|$/.test(line)), []);
});

for (const [kind, schema] of Object.entries(SCHEMAS)) {
  test(`the examples of ${kind} pass its schema, in an editor that knows nothing of ours`, (t) => {
    const validate = new Ajv({strict: false}).compile(schema);
    const examples = schema['examples'] as readonly unknown[]; // each schema has some
    t.true(examples.length > 0);
    for (const example of examples) t.true(validate(example), JSON.stringify(validate.errors));
  });

  test(`every number of ${kind} has a range`, (t) => {
    t.deepEqual(unlimited(schema, kind), []);
  });
}

/** Numbers without a range. Texts and lists are limited by the size of the file. */
function unlimited(schema: unknown, path: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const isNumber = 'type' in schema && (schema.type === 'integer' || schema.type === 'number');
  const own = isNumber && !('minimum' in schema && 'maximum' in schema) ? [path] : [];
  return [...own, ...Object.entries(schema).filter(([key]) => key !== 'examples').flatMap(([key, value]) => unlimited(value, `${path}.${key}`))];
}
