import type {Edit} from '../checkout/snapshot.ts';
import type {Files} from './template.ts';

/** Where a cluster repository has the JSON Schemas that the first lines of its manifests point editors to. */
export const SCHEMAS_FOLDER = '.flynn/schemas';

/** Brings the schemas of a repository up to these. One that has none at all has done without on purpose. */
export function updateSchemas(schemas: Files): Edit {
  return (read, list) => (list(SCHEMAS_FOLDER).length === 0 ? {} : changedSchemas(schemas, read));
}

/** Those that are missing or of another version, by their paths. `read`: what there is now. */
export function changedSchemas(schemas: Files, read: (path: string) => string | undefined): Files {
  return Object.fromEntries(Object.entries(schemas).map(([name, text]) => [`${SCHEMAS_FOLDER}/${name}`, text] as const).filter(([path, text]) => read(path) !== text));
}
