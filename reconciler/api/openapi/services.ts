import type {SchemaObject} from 'ajv';
import {appSchema} from '../../../schemas/app.ts';
import type {ServiceAnswer, ServiceWritten} from '../service-answers.ts';
import {bodyOf, COMMIT, count, flag, listOf, maybe, objectOf, ref, SERVICE, text} from './schema.ts';

const MANIFEST = appSchema.properties.services['additionalProperties'] as {readonly properties: Readonly<Record<string, SchemaObject>>};
const {env: _own, ...FIELDS} = MANIFEST.properties;

/** What app.yaml may say of a service, but for its variables: those have an endpoint of their own. */
export const SERVICE_FIELDS: Readonly<Record<string, SchemaObject>> = FIELDS;

export const IMAGE_FIELDS: Readonly<Record<string, SchemaObject>> = {
  image: text('An image that was built elsewhere: it becomes a release.', {minLength: 1, maxLength: 500, errorMessage: 'must be the name of an image such as nginx:1.27'}),
  pull: flag('Ask the registry although the engine has it.', {default: false}),
};

/** The same fields, each of which null takes out. What is in them is checked when the whole file is. */
export function patchOf(fields: Readonly<Record<string, SchemaObject>>): Readonly<Record<string, SchemaObject>> {
  return Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, {...(schema['description'] !== undefined && {description: schema['description']}), type: ['object', 'array', 'string', 'number', 'boolean', 'null']}]));
}

export const SERVICE_ANSWERS: Readonly<Record<string, SchemaObject>> = {
  ServiceSettings: {...bodyOf(SERVICE_FIELDS), description: 'What app.yaml says of a service, but for its variables.'},
  NewService: {...bodyOf({name: SERVICE, ...IMAGE_FIELDS, ...SERVICE_FIELDS}, ['name']), anyOf: [{required: ['image']}, {required: ['command']}], description: 'A service that is to be: its command, or an image.', errorMessage: 'must be a JSON object with "command" or "image"'},
  Service: objectOf<ServiceAnswer>('A service, as git has it and as it runs.', {
    name: SERVICE, isReleased: flag('The current release has it.'), replicas: count('Copies that git wants.'), settings: ref('ServiceSettings'), env: listOf({type: 'string'}, 'Names of variables of its own.'), status: maybe(ref('ServiceStatus')),
  }),
  ServiceWritten: objectOf<ServiceWritten>('A commit that is about a service.', {
    commit: {...COMMIT, description: 'The commit that says so now.'}, isNew: flag('False: the repository said so already.'), message: text("The commit's subject."), outcome: maybe(ref('Outcome')), service: SERVICE, release: maybe(ref('ReleaseOutcome')),
  }),
};
