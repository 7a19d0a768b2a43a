import type {ObjectSchema} from './schema.ts';

/** What of the cluster repository is changed by reviewed proposals only. */
export interface ReviewManifest {
  /** Of people who may make the change themselves; its author does not count. */
  readonly approvals?: number;
  /** Patterns of paths, as of a shell: `*` within a folder, `**` over folders. */
  readonly paths?: readonly string[];
}

export const REVIEW_APPROVALS_DEFAULT = 1;

export const reviewSchema: ObjectSchema<ReviewManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'Paths that nobody changes directly, not by a push and not by a command: a change of them is a proposal, and is merged when others have approved it (docs/review.md).',
  properties: {
    approvals: {type: 'integer', minimum: 1, maximum: 10, default: REVIEW_APPROVALS_DEFAULT, description: 'How many people have to approve it who may make the change themselves. Whoever wrote it does not count.'},
    paths: {
      type: 'array', uniqueItems: true, maxItems: 100,
      items: {type: 'string', pattern: '^(?!/)[^\\s\\\\]{1,200}$', errorMessage: 'must be a pattern of paths such as apps/shop/** or people/*, without a slash at its beginning'},
      description: 'Patterns: `*` is anything within one folder, `**` over folders, `{a,b}` one of them.', examples: [['apps/shop/**', 'people/*', 'cluster.yaml']],
    },
  },
};
