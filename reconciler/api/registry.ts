import type {FastifyInstance} from 'fastify';
import {loadManifest} from '../../schemas/load.ts';
import type {RegistryManifest} from '../../schemas/registry.ts';
import {anySignal} from '../any-signal.ts';
import {CLUSTER_FILE} from '../commits/edits.ts';
import {SealedForOthers} from '../commits/env-edits.ts';
import {setRegistry} from '../commits/registry-edits.ts';
import {seal} from '../secrets/keyring.ts';
import type {RegistryAnswer, Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const TRIES_MAX = 5;

/** Where images of releases are kept beside the nodes. The password is sealed in cluster.yaml, and in no answer. */
export function registerRegistryRoutes(server: FastifyInstance, {view, commit, closing}: RouteParts): void {
  const clusterManifest = async () => {
    const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
    const shared = await explaining("can't read the cluster repository", view.repo.snapshot(signal).then((snapshot) => snapshot.shared.files(signal)));
    const file = shared.find(({path}) => path === CLUSTER_FILE);
    const cluster = file?.kind === 'text' ? loadManifest('Cluster', CLUSTER_FILE, file.text) : undefined;
    if (cluster?.ok !== true) throw new ApiError(409, `${CLUSTER_FILE} has to be put right first`);
    return cluster.value;
  };

  server.get('/registry', async (): Promise<RegistryAnswer> => {
    const {registry} = await clusterManifest();
    if (registry === undefined) return {};
    const {password, ...rest} = registry;
    const state = view.registry();
    return {registry: {...rest, hasPassword: password !== undefined}, ...(state && {state})};
  });

  server.post<{Body: RegistryManifest}>('/registry', async (request): Promise<Written> => {
    const {host, path, username, password} = request.body;
    const wanted = {host, ...(path !== undefined && {path}), ...(username !== undefined && {username})};
    for (let tries = 1; ; tries += 1) {
      const {recipients = []} = await clusterManifest();
      if (password !== undefined && recipients.length === 0) throw new ApiError(409, 'cluster.yaml has no recipients to encrypt the password to: flynn env set --secret says how to add one');
      const registry: RegistryManifest = {...wanted, ...(password !== undefined && {password: await seal(password, recipients, 'cluster')})};
      try {
        return await commit(request, {edit: setRegistry(registry, recipients), message: `cluster: images are pushed to ${host}`});
      } catch (error) {
        if (!(error instanceof SealedForOthers) || tries === TRIES_MAX) throw error;
      }
    }
  });

  server.post<{Body: unknown}>('/registry/remove', async (request): Promise<Written> => commit(request, {edit: setRegistry(undefined, []), message: 'cluster: images are pushed to no registry'}));
}
