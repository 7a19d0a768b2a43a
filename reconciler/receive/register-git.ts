import type {IncomingMessage, ServerResponse} from 'node:http';
import {rm} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {problemOfAppName} from '../../schemas/names.ts';
import {isRepository} from '../checkout/own.ts';
import {refusalOf} from '../access/access.ts';
import type {Right} from '../access/rights.ts';
import {actorOf, addressOf} from '../api/audit.ts';
import type {Principal} from '../api/authenticate.ts';
import {Refusals} from '../api/refusals.ts';
import type {GitDeps} from './deps.ts';
import {useHooks, writeHooks} from './hook-scripts.ts';
import {runHttpBackend} from './http-backend.ts';
import {runReceivePack, type ReceivePack} from './receive-pack.ts';
import {notePush} from './note-push.ts';
import {findRepository} from './repositories.ts';
import type {PushSession} from './sessions.ts';

/** How long finding the repository may take, in milliseconds. */
const FIND_MS_MAX = 30_000;
/** How long stopping waits for pushes to be undone and told of it, in milliseconds: a little more than their hooks do. */
const STOP_MS_MAX = 12_000;
const RECEIVE_PACK = '/git-receive-pack';

type GitRequest = FastifyRequest<{Params: {repository: string}; Querystring: {service?: string}}>;

/** Serves `/<name>.git` over smart HTTP (gitprotocol-http(5)): the cluster repository as `cluster.git`, and one repository an app. */
export function registerGit(server: FastifyInstance, deps: GitDeps): void {
  server.register(async (scope) => {
    const closing = new AbortController();
    /** Aborted when those that are still being received have had their time to end. */
    const late = new AbortController();
    const pushes = new Set<Promise<void>>();
    const refusals = new Refusals(deps.audit);
    scope.addHook('preClose', async () => {
      closing.abort(new Error('flynn is stopping'));
      // Their hooks say so to the pushers, and end them.
      await Promise.race([Promise.allSettled(pushes), sleep(STOP_MS_MAX, undefined, {ref: false})]);
      late.abort();
    });
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
    scope.post('/:repository/git-upload-pack', (request: GitRequest, reply) => serve('/git-upload-pack', request, reply));
    scope.post(`/:repository${RECEIVE_PACK}`, (request: GitRequest, reply) => serve(RECEIVE_PACK, request, reply));

    async function serve(service: string, request: GitRequest, reply: FastifyReply): Promise<FastifyReply> {
      const principal = deps.authenticate(request.headers);
      if (principal === undefined) return say(reply.header('www-authenticate', 'Basic realm="flynn"'), 401, 'the token is missing, or not the cluster\'s');
      const name = /^(.+)\.git$/.exec(request.params.repository)?.[1];
      if (name === undefined) return say(reply, 404, `there is no repository "${request.params.repository}": their names end in .git`);
      try {
        const repository = await findRepository(name, deps, AbortSignal.any([closing.signal, AbortSignal.timeout(FIND_MS_MAX)]));
        if (repository.kind === 'none') {
          if (name !== 'cluster' && problemOfAppName(name) !== undefined) await refusals.add({...actorOf(principal, request), action: 'refused', subject: `the repository ${JSON.stringify(name)}`}, Date.now());
          return say(reply, 404, repository.why);
        }
        const isPush = service === RECEIVE_PACK || request.query.service === RECEIVE_PACK.slice(1);
        const right = rightFor(repository.kind, isPush);
        const app = repository.kind === 'app' ? repository.app : undefined;
        if (!principal.may(right, app)) {
          await refusals.add({...actorOf(principal, request), action: 'refused', ...(app !== undefined && {app}), subject: right}, Date.now());
          return say(reply, 403, refusalOf(principal.user, right, app));
        }
        if (service === RECEIVE_PACK) await deps.audit.add({...actorOf(principal, request), action: 'push', ...(app !== undefined && {app}), subject: request.params.repository});
        reply.hijack();
        await passOn({service, gitdir: repository.gitdir, isCluster: repository.kind === 'cluster', principal}, request, reply);
      } catch (error) {
        deps.log('a git request failed', error);
        if (!reply.sent) return say(reply, 503, 'flynn can\'t read the cluster repository at present; see: flynn status');
        reply.raw.destroy();
      }
      return reply;
    }

    async function passOn({service, gitdir, isCluster, principal}: {service: string; gitdir: string; isCluster: boolean; principal: Principal}, request: GitRequest, reply: FastifyReply): Promise<void> {
      const http = {request: request.raw, response: reply.raw};
      const gone = new AbortController();
      // A client's Ctrl-C closes the connection; git itself would not notice, and accept the push in the end.
      reply.raw.once('close', () => gone.abort(new Error('the pusher went away')));
      const {session, end} = deps.pushes.open(principal, AbortSignal.any([gone.signal, closing.signal]), addressOf(request));
      const git = {
        gitdir,
        scratch: deps.layout.scratch,
        user: principal.email,
        // A cluster repository is read by us and by people's tools: nothing malformed gets in.
        config: {'core.hooksPath': deps.layout.hooks, ...(isCluster ? {'receive.fsckObjects': 'true'} : {})},
        env: {FLYNN_PUSH: session.id},
      };
      try {
        if (service !== RECEIVE_PACK) await runHttpBackend({...git, path: service, query: request.raw.url?.split('?')[1] ?? ''}, http, session.signal);
        else {
          await receive(git, http, {session, gone: gone.signal});
          // Malformed objects, a hidden ref, too many bytes, or a pusher that went away.
          if (!session.isLookedAt) await notePush(deps, {gitdir, ...session, author: principal}, {action: 'push refused', subject: 'git took nothing of it'});
        }
      } finally {
        end();
      }
    }

    async function receive(git: ReceivePack, http: {request: IncomingMessage; response: ServerResponse}, {session, gone}: {session: PushSession; gone: AbortSignal}): Promise<void> {
      const killed = new AbortController();
      const kill = () => killed.abort(gone.reason);
      // The release is live: its source has to be kept, whether somebody listens or not.
      gone.addEventListener('abort', () => session.isSettled || kill(), {once: true});
      late.signal.addEventListener('abort', kill, {once: true});
      const receiving = runReceivePack(git, http, killed.signal).finally(() => {
        late.signal.removeEventListener('abort', kill);
        pushes.delete(receiving);
      });
      pushes.add(receiving);
      await receiving;
      // Git 2.39 leaves it when it can't tell its client any more what became of the push.
      const {quarantine} = session;
      if (quarantine !== undefined && isQuarantineOf(git.gitdir, quarantine)) await rm(quarantine, {recursive: true, force: true});
    }
  });
}

/** What of the cluster repository may be changed is asked path by path, when it is known what was pushed. */
function rightFor(kind: 'cluster' | 'app', isPush: boolean): Right {
  if (kind === 'cluster') return isPush ? 'cluster.propose' : 'cluster.clone';
  return isPush ? 'app.push' : 'app.read';
}

/** Git's own name for it (tmp-objdir.c), in that repository: what a hook says is not taken for more than it is. */
function isQuarantineOf(gitdir: string, folder: string): boolean {
  return path.basename(path.dirname(folder)) === 'objects' && /^(tmp_objdir-)?incoming-\w+$/.test(path.basename(folder)) && path.basename(path.dirname(path.dirname(folder))) === path.basename(gitdir);
}

/** Git shows its user a text in plain text. */
function say(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
}
