import {serviceNameSchema} from './names.ts';
import {headerProperties, type Header, type ObjectSchema} from './schema.ts';

/** What a push made (or a rollback, or a prebuilt image), in `apps/<app>/releases/v0001.yaml`. Never changed afterwards; its number is in its name. */
export interface ReleaseManifest extends Header<'Release'> {
  readonly image: string;
  readonly source: SourceManifest;
  /** The same image in the cluster's registry: `<repository>@<digest of its manifest>`. */
  readonly registry?: string;
  readonly services: Readonly<Record<string, ReleasedService>>;
  readonly pushedBy: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly description?: string;
  /** Number of the release that this one repeats. */
  readonly rollbackOf?: number;
}

/** Either `commit` and `builder`, or `image`. */
export interface SourceManifest {
  readonly commit?: string;
  /** The folder of the repository that is the app. Absent: all of it. */
  readonly path?: string;
  /** What built it: `Node.js`, `Dockerfile` … */
  readonly builder?: string;
  /** In the order in which they were used. */
  readonly buildpacks?: readonly BuildpackManifest[];
  /** A prebuilt image as it was asked for, with the registry's digest where there is one. */
  readonly image?: string;
  /** The engine's id of that image. */
  readonly id?: string;
}

/** A buildpack, so exactly that it could be had again. */
export interface BuildpackManifest {
  readonly name: string;
  /** Of one from a git repository. */
  readonly commit?: string;
  /** Of a tarball. */
  readonly sha256?: string;
  /** What it says that it took. */
  readonly report?: Readonly<Record<string, string>>;
}

export interface ReleasedService {
  /** Empty: the image's own command. */
  readonly command: readonly string[];
  /** Where app.yaml says nothing: the one that a prebuilt image exposes. */
  readonly port?: number;
}

/** Digits at least, so that names sort as numbers do for a long time. */
const NUMBER_DIGITS_MIN = 4;

const IMAGE_ID = '^sha256:[0-9a-f]{64}$';

const serviceSchema: ObjectSchema<ReleasedService> = {
  type: 'object',
  additionalProperties: false,
  required: ['command'],
  properties: {
    command: {type: 'array', items: {type: 'string'}, description: "Argument vector; empty: the image's own command."},
    port: {type: 'integer', minimum: 1, maximum: 65_535, description: 'Where it listens unless app.yaml says otherwise: what a prebuilt image exposes.'},
  },
};

const buildpackSchema: ObjectSchema<BuildpackManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: {type: 'string', minLength: 1, description: 'As it was named.', examples: ['python']},
    commit: {type: 'string', pattern: '^[0-9a-f]{40,64}$', errorMessage: 'must be the 40 hex digits of a commit, in quotes', description: 'Of one from a git repository: the commit that was used.'},
    sha256: {type: 'string', pattern: '^[0-9a-f]{64}$', errorMessage: 'must be 64 hex digits, in quotes', description: 'Of a tarball: of its bytes.'},
    report: {type: 'object', additionalProperties: {type: 'string'}, description: 'What it took, and from where.', examples: [{python: '3.13.5 (Debian package python3)'}]},
  },
};

const sourceSchema: ObjectSchema<SourceManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  oneOf: [{required: ['commit', 'builder']}, {required: ['image']}],
  errorMessage: 'must have either commit and builder, or image',
  properties: {
    commit: {type: 'string', pattern: '^[0-9a-f]{40}$', errorMessage: 'must be the 40 hex digits of a commit, in quotes', description: "Commit of the app's source."},
    path: {type: 'string', minLength: 1, maxLength: 500, description: 'The folder of the repository that is the app, of a source that is followed elsewhere.'},
    builder: {type: 'string', minLength: 1, description: 'What built it.', examples: ['Node.js']},
    buildpacks: {type: 'array', items: buildpackSchema, maxItems: 50, description: 'Buildpacks that built it, in this order.'},
    image: {type: 'string', minLength: 1, description: "A prebuilt image instead: as it was asked for, with the registry's digest where there is one.", examples: ['nginx:1.27']},
    id: {type: 'string', pattern: IMAGE_ID, errorMessage: 'must be an image by its digest: sha256: and 64 hex digits', description: "The engine's id of that image."},
  },
};

export const releaseSchema: ObjectSchema<ReleaseManifest> = {
  title: 'Release',
  description: 'A release of an app: apps/<app>/releases/v0001.yaml. Written by a push, a rollback or the deploy of an image, never edited. The highest number is the current one.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'image', 'source', 'services', 'pushedBy', 'createdAt'],
  properties: {
    ...headerProperties('Release'),
    image: {type: 'string', pattern: IMAGE_ID, errorMessage: 'must be an image by its digest: sha256: and 64 hex digits', description: 'The image, by content.'},
    registry: {type: 'string', maxLength: 700, pattern: '^[a-z0-9][a-z0-9._:/-]{0,500}@sha256:[0-9a-f]{64}$', errorMessage: 'must be a repository and a digest: registry.example.com/shop@sha256: and 64 hex digits', description: "The same image in the cluster's registry."},
    source: {...sourceSchema, description: 'What it was built from.'},
    services: {type: 'object', propertyNames: serviceNameSchema, additionalProperties: serviceSchema, description: "The Procfile's lines."},
    pushedBy: {type: 'string', minLength: 1, description: 'Who pushed it.'},
    createdAt: {
      type: 'string',
      pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$',
      errorMessage: 'must be a time in UTC such as 2026-11-23T09:30:00Z',
      description: 'When, in UTC.',
    },
    description: {type: 'string', description: 'For people.'},
    rollbackOf: {type: 'integer', minimum: 1, maximum: 1e9, description: 'Number of the release that this one repeats.'},
  },
  examples: [{
    apiVersion: 'flynn/v1',
    kind: 'Release',
    image: `sha256:${'0'.repeat(64)}`,
    source: {commit: 'f'.repeat(40), builder: 'Node.js'},
    services: {web: {command: ['node server.js']}},
    pushedBy: 'ann',
    createdAt: '2026-11-23T09:30:00Z',
  }],
};

/** `v0007.yaml` */
export function releaseFileName(number: number): string {
  return `v${String(number).padStart(NUMBER_DIGITS_MIN, '0')}.yaml`;
}

/** 7 of `v0007.yaml`; undefined for a name that we would not write. */
export function releaseNumberOf(fileName: string): number | undefined {
  const number = Number(/^v(\d{4,15})\.yaml$/.exec(fileName)?.[1]);
  return number >= 1 && releaseFileName(number) === fileName ? number : undefined;
}
