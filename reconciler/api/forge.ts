import type {FastifyInstance} from 'fastify';
import type {ClusterManifest} from '../../schemas/cluster.ts';
import {checkForge, type ForgeManifest} from '../../schemas/forge.ts';
import {loadManifest} from '../../schemas/load.ts';
import {anySignal} from '../any-signal.ts';
import {CLUSTER_FILE} from '../commits/edits.ts';
import {SealedForOthers} from '../commits/env-edits.ts';
import {setForge, setForgeHook} from '../commits/forge-edits.ts';
import type {Edit} from '../checkout/snapshot.ts';
import {seal} from '../secrets/keyring.ts';
import {urlOf} from '../settings.ts';
import type {ForgeAnswer, HookMade, Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const TRIES_MAX = 5;

/** The forge that the cluster repository is followed from. Its token is sealed in cluster.yaml, and in no answer. */
export function registerForgeRoutes(server: FastifyInstance, {view, commit, closing}: RouteParts): void {
  const clusterManifest = async (): Promise<ClusterManifest> => {
    const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
    const shared = await explaining("can't read the cluster repository", view.repo.snapshot(signal).then((snapshot) => snapshot.shared.files(signal)));
    const file = shared.find(({path}) => path === CLUSTER_FILE);
    const cluster = file?.kind === 'text' ? loadManifest('Cluster', CLUSTER_FILE, file.text) : undefined;
    if (cluster?.ok !== true) throw new ApiError(409, `${CLUSTER_FILE} has to be put right first`);
    return cluster.value;
  };

  /** Seals to those who are recipients when it is written. */
  const sealing = async (secret: string, write: (sealed: string, recipients: readonly string[]) => Promise<Written>): Promise<Written> => {
    for (let tries = 1; ; tries += 1) {
      const {recipients = []} = await clusterManifest();
      if (recipients.length === 0) throw new ApiError(409, 'cluster.yaml has no recipients to encrypt secrets to: flynn env set --secret says how to add one');
      try {
        return await write(await seal(secret, recipients), recipients);
      } catch (error) {
        if (!(error instanceof SealedForOthers) || tries === TRIES_MAX) throw error;
      }
    }
  };

  server.get('/forge', async (): Promise<ForgeAnswer> => {
    const {forge} = await clusterManifest();
    if (forge === undefined) return {};
    const {token: _, hookSecret, ...rest} = forge;
    const state = view.forge.state();
    return {forge: {...rest, hasHook: hookSecret !== undefined}, ...(state && {state})};
  });

  server.post<{Body: ForgeManifest}>('/forge', async (request): Promise<Written> => {
    const {kind, url, repository, token} = request.body;
    const place = {kind, ...(url !== undefined && {url}), repository};
    return sealing(token, (sealed, recipients) => {
      const wanted: ForgeManifest = {...place, token: sealed};
      const [problem] = checkForge(wanted);
      if (problem !== undefined) throw new ApiError(400, problem.message);
      const edit: Edit = setForge(wanted, recipients);
      return commit(request, {edit, message: `cluster: pull requests are at ${kind} ${repository}`});
    });
  });

  server.post<{Body: {secret: string}}>('/forge/hook', async (request): Promise<HookMade> => {
    const {secret} = request.body;
    const written = await sealing(secret, (sealed, recipients) => commit(request, {edit: setForgeHook(sealed, recipients), message: 'cluster: set the secret of webhooks'}));
    return {...written, url: `${urlOf(`api.${view.status().domain}`, view.settings)}v1/hooks/cluster`};
  });

  server.post<{Body: unknown}>('/forge/remove', async (request): Promise<Written> => commit(request, {edit: setForge(undefined, []), message: 'cluster: no forge is told anything'}));
}
