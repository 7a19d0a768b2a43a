import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {appIdOf} from '../../schemas/app-id.ts';
import {loadManifest} from '../../schemas/load.ts';
import {anySignal} from '../any-signal.ts';
import {CLUSTER_FILE} from '../commits/edits.ts';
import {SealedForOthers} from '../commits/env-edits.ts';
import {setHookSecret} from '../commits/source-edits.ts';
import type {NodeView} from '../node.ts';
import {seal} from '../secrets/keyring.ts';
import type {HookOutcome, HookRequest, SourceStatus} from '../source/status.ts';
import {urlOf} from '../settings.ts';
import type {HookMade} from './answers.ts';
import {known} from './apps.ts';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';
import {readAppName} from './read.ts';
import {sendLines} from './stream.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const TRIES_MAX = 5;
/** What hosts send after a push of hundreds of commits; what is larger is noticed by the next look. */
const HOOK_BYTES_MAX = 5 * 1024 * 1024;

interface OfApp {
  Params: {app: string};
  Body: unknown;
}

/** Sources that are followed elsewhere. */
export function registerSourceRoutes(server: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  server.get<OfApp>('/apps/:app/source', async ({params}): Promise<SourceStatus> => {
    const {name} = known(readAppName(params.app), view);
    const status = view.sources.status(name);
    if (status === undefined) throw new ApiError(404, `⬢ ${name} has no source elsewhere: it is deployed by git push. To follow one, add \`source:\` to its app.yaml`);
    return status;
  });

  server.post<OfApp>('/apps/:app/source/sync', async (request, reply) => {
    const {name} = known(readAppName(request.params.app), view);
    await noted(request, {view, authenticate}, {action: 'source sync', app: name});
    return sendLines(reply, (signal) => view.sources.sync(name, signal), closing);
  });

  server.post<OfApp>('/apps/:app/source/hook', async (request): Promise<HookMade> => {
    const app = readAppName(request.params.app);
    const {secret} = request.body as {readonly secret: string};
    for (let tries = 1; ; tries += 1) {
      const recipients = await recipientsOf(view, anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]));
      if (recipients.length === 0) throw new ApiError(409, 'cluster.yaml has no recipients to encrypt secrets to: flynn env set --secret says how to add one');
      const sealed = await seal(secret, recipients, appIdOf(view.status().apps.find(({name}) => name === app) ?? {name: app}));
      try {
        const written = await commit(request, {edit: setHookSecret(app, {sealed, recipients}), message: `${app}: set the secret of webhooks`});
        return {...written, url: `${urlOf(`api.${view.status().domain}`, view.settings)}v1/hooks/${app}`};
      } catch (error) {
        if (!(error instanceof SealedForOthers) || tries === TRIES_MAX) throw error;
      }
    }
  });
}

/** Webhooks have no token of ours: whoever sends one proves that he knows the app's secret, over the very bytes that came. */
export function registerHookRoute(server: FastifyInstance, view: NodeView): void {
  server.register(async (hooks) => {
    hooks.removeAllContentTypeParsers();
    hooks.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body));
    hooks.post<OfApp>('/v1/hooks/:app', {bodyLimit: HOOK_BYTES_MAX}, async (request, reply) => {
      const app = readAppName(request.params.app);
      return answered(await view.sources.hook(app, hookOf(request)), reply, `there is no webhook of an app "${app}"`);
    });
    // No app can be called so.
    hooks.post<OfApp>('/v1/hooks/cluster', {bodyLimit: HOOK_BYTES_MAX}, async (request, reply) => answered(await view.forge.hook(hookOf(request)), reply, 'there is no webhook of the cluster repository: flynn forge hook makes one'));
  });
}

function hookOf({headers, body}: FastifyRequest): HookRequest {
  return {headers: headers as HookRequest['headers'], body: Buffer.isBuffer(body) ? body : Buffer.alloc(0)};
}

function answered(outcome: HookOutcome, reply: FastifyReply, unknown: string): {readonly looking: boolean; readonly why?: string} {
  switch (outcome.result) {
    case 'accepted':
      reply.status(202);
      return {looking: true};
    case 'ignored': return {looking: false, why: outcome.why};
    case 'refused': throw new ApiError(401, 'the signature is missing or wrong');
    case 'unknown': throw new ApiError(404, unknown);
  }
}

async function recipientsOf(view: NodeView, signal: AbortSignal): Promise<readonly string[]> {
  const shared = await explaining("can't read the cluster repository", view.repo.snapshot(signal).then((snapshot) => snapshot.shared.files(signal)));
  const file = shared.find(({path}) => path === CLUSTER_FILE);
  const cluster = file?.kind === 'text' ? loadManifest('Cluster', CLUSTER_FILE, file.text) : undefined;
  if (cluster?.ok !== true) throw new ApiError(409, `${CLUSTER_FILE} has to be put right first`);
  return cluster.value.recipients ?? [];
}
