import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {isRepository} from '../checkout/own.ts';
import {addressOf} from '../api/audit.ts';
import {goneSignal} from '../api/gone.ts';
import type {GitDeps} from './deps.ts';
import {FIND_MS_MAX, type GitDoor} from './git-door.ts';
import {useHooks, writeHooks} from './hook-scripts.ts';
import {runHttpBackend} from './http-backend.ts';
import {runReceivePack} from './receive-pack.ts';
import {runUploadPack} from './upload-pack.ts';

const RECEIVE_PACK = '/git-receive-pack';
const UPLOAD_PACK = '/git-upload-pack';

type GitRequest = FastifyRequest<{Params: {repository: string}; Querystring: {service?: string}}>;

/** Serves `/<name>.git` over smart HTTP (gitprotocol-http(5)): the cluster repository as `cluster.git`, and one repository an app. */
export function registerGit(server: FastifyInstance, deps: GitDeps, door: GitDoor): void {
  server.register(async (scope) => {
    scope.addHook('preClose', () => door.close());
    scope.addHook('onReady', async () => {
      const {layout} = deps;
      await writeHooks(layout);
      // Only pushes by path need it: a lock that a killed git left there must not keep the node from starting.
      if (await isRepository(layout.clusterRepo)) await useHooks(layout.clusterRepo, layout, AbortSignal.timeout(FIND_MS_MAX)).catch((error: unknown) => deps.log('pushes by path can\'t be received', error));
    });
    // Git's bodies are streams for git alone.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));

    scope.get('/:repository/info/refs', (request: GitRequest, reply) => serve('/info/refs', request, reply));
    scope.post(`/:repository${UPLOAD_PACK}`, (request: GitRequest, reply) => serve(UPLOAD_PACK, request, reply));
    scope.post(`/:repository${RECEIVE_PACK}`, (request: GitRequest, reply) => serve(RECEIVE_PACK, request, reply));

    async function serve(service: string, request: GitRequest, reply: FastifyReply): Promise<FastifyReply> {
      const entry = await deps.logins.enter(request);
      if (!entry.ok) return say(entry.waitSeconds === undefined ? reply.header('www-authenticate', 'Basic realm="flynn"') : reply.header('retry-after', String(entry.waitSeconds)), entry.status, entry.why);
      const {principal} = entry;
      const isReceiving = service === RECEIVE_PACK;
      const wish = {principal, from: addressOf(request), repository: request.params.repository, isPush: isReceiving || request.query.service === RECEIVE_PACK.slice(1)};
      try {
        const admitted = await door.admit(wish);
        if (!admitted.ok) return say(reply, admitted.status, admitted.why);
        if (isReceiving) await door.noteWish(wish, admitted);
        reply.hijack();
        const http = {request: request.raw, response: reply.raw};
        // A client's Ctrl-C closes the connection; git itself would not notice, and accept the push in the end.
        const gone = goneSignal(reply, 'the pusher went away');
        await door.serve({...wish, admitted, isReceiving, gone}, async (git, signal) => {
          const problem = isReceiving ? await runReceivePack(git, http, signal)
            : service === UPLOAD_PACK ? await runUploadPack(git, http, {gone, closing: door.closing})
            : await runHttpBackend({...git, path: service, query: request.raw.url?.split('?')[1] ?? ''}, http, signal);
          if (problem !== undefined) deps.log('a git request was cut off', new Error(problem));
          return isReceiving;
        });
      } catch (error) {
        deps.log('a git request failed', error);
        if (!reply.sent) return say(reply, 503, 'flynn can\'t read the cluster repository at present; see: flynn status');
        reply.raw.destroy();
      }
      return reply;
    }
  });
}

/** Git shows its user a text in plain text. */
function say(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
}
