import {mkdirSync, writeFileSync} from 'node:fs';
import {SCHEMAS} from './load.ts';
import {describeManifests, MANUAL_FILE} from './manual.ts';

/** Folder of the generated files, beside this one. */
export const JSON_FOLDER = new URL('json/', import.meta.url);

/**
 * The JSON Schemas as files for editors: name to text. Committed, so that nobody has to generate them to use them;
 * a test checks that they are these.
 */
export function generateSchemas(): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(SCHEMAS).map(([kind, schema]) => [
    `${kind.toLowerCase()}.schema.json`,
    `${JSON.stringify({$schema: 'http://json-schema.org/draft-07/schema#', ...schema}, undefined, 2)}\n`,
  ]));
}

if (import.meta.main) {
  mkdirSync(JSON_FOLDER, {recursive: true});
  for (const [name, text] of Object.entries(generateSchemas())) writeFileSync(new URL(name, JSON_FOLDER), text);
  writeFileSync(MANUAL_FILE, describeManifests());
}
