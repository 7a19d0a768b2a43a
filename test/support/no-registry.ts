import type {DeployDeps} from '../../reconciler/receive/deploys.ts';

/** What most clusters have. */
export const NO_REGISTRY: DeployDeps['registry'] = {repositoryOf: () => undefined, push: async () => ({ok: false, problem: 'there is none'})};
