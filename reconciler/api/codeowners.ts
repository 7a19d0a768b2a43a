import type {FastifyInstance, FastifyRequest} from 'fastify';
import {accessOf} from '../access/access.ts';
import {codeowners, FORGES, type Forge} from '../access/codeowners.ts';
import {loadManifest} from '../../schemas/load.ts';
import {anySignal} from '../any-signal.ts';
import type {CodeownersAnswer} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;

/** The rights of `people/` and `teams/` as a file for a git host. */
export function registerCodeownersRoutes(v1: FastifyInstance, {view, closing}: RouteParts): void {
  v1.get('/codeowners', async (request: FastifyRequest<{Querystring: {forge?: string}}>): Promise<CodeownersAnswer> => {
    const forge = FORGES.find((one) => one === request.query.forge);
    if (forge === undefined) throw new ApiError(400, `forge has to be one of ${FORGES.join(', ')}`);
    const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
    const {shared, apps} = await explaining("can't read the cluster repository", view.repo.snapshot(signal));
    const files = await explaining("can't read the cluster repository", shared.files(signal));
    const forgeNames = new Map(files.flatMap((file) => {
      const user = /^people\/([^/]+)\.yaml$/.exec(file.path)?.[1];
      const loaded = user === undefined || file.kind === 'refused' ? undefined : loadManifest('Person', file.path, file.text);
      return user === undefined || loaded?.ok !== true ? [] : [[user, loaded.value.forge ?? {}] as const];
    }));
    return {forge: forge satisfies Forge, text: codeowners({forge, access: accessOf(files).access, forgeNames, apps: apps.map(({name}) => name)})};
  });
}
