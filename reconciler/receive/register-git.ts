import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {isRepository} from '../checkout/own.ts';
import type {Author} from '../checkout/snapshot.ts';
import type {GitDeps} from './deps.ts';
import {useHooks, writeHooks} from './hook-scripts.ts';
import {runHttpBackend} from './http-backend.ts';
import {findRepository} from './repositories.ts';

/** How long finding the repository may take, in milliseconds. */
const FIND_MS_MAX = 30_000;

type GitRequest = FastifyRequest<{Params: {repository: string}; Querystring: {service?: string}}>;

/** Serves `/<name>.git` over smart HTTP (gitprotocol-http(5)): the cluster repository as `cluster.git`, and one repository an app. */
export function registerGit(server: FastifyInstance, deps: GitDeps): void {
  server.register(async (scope) => {
    const closing = new AbortController();
    scope.addHook('preClose', async () => closing.abort(new Error('flynn is stopping')));
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
    scope.post('/:repository/git-receive-pack', (request: GitRequest, reply) => serve('/git-receive-pack', request, reply));

    async function serve(path: string, request: GitRequest, reply: FastifyReply): Promise<FastifyReply> {
      const author = deps.authenticate(request.headers);
      if (author === undefined) return say(reply.header('www-authenticate', 'Basic realm="flynn"'), 401, 'the token is missing, or not the cluster\'s');
      const name = /^(.+)\.git$/.exec(request.params.repository)?.[1];
      if (name === undefined) return say(reply, 404, `there is no repository "${request.params.repository}": their names end in .git`);
      try {
        const repository = await findRepository(name, deps, AbortSignal.any([closing.signal, AbortSignal.timeout(FIND_MS_MAX)]));
        if (repository.kind === 'none') return say(reply, 404, repository.why);
        reply.hijack();
        await passOn({path, gitdir: repository.gitdir, isCluster: repository.kind === 'cluster', author}, request, reply);
      } catch (error) {
        deps.log('a git request failed', error);
        if (!reply.sent) return say(reply, 503, 'flynn can\'t read the cluster repository at present; see: flynn status');
        reply.raw.destroy();
      }
      return reply;
    }

    async function passOn({path, gitdir, isCluster, author}: {path: string; gitdir: string; isCluster: boolean; author: Author}, request: GitRequest, reply: FastifyReply): Promise<void> {
      const gone = new AbortController();
      const killed = new AbortController();
      const {session, end} = deps.pushes.open(author, AbortSignal.any([gone.signal, closing.signal]));
      session.signal.addEventListener('abort', () => {
        // The release is live: its source has to be kept, whether somebody listens or not.
        if (!session.isSettled) killed.abort(session.signal.reason);
      }, {once: true});
      // A client's Ctrl-C closes the connection; git itself would not notice, and accept the push in the end.
      reply.raw.once('close', () => gone.abort(new Error('the pusher went away')));
      try {
        await runHttpBackend({
          gitdir,
          path,
          query: request.raw.url?.split('?')[1] ?? '',
          user: author.email,
          // A cluster repository is read by us and by people's tools: nothing malformed gets in.
          config: {'core.hooksPath': deps.layout.hooks, ...(isCluster ? {'receive.fsckObjects': 'true'} : {})},
          env: {FLYNN_PUSH: session.id},
        }, {request: request.raw, response: reply.raw}, killed.signal);
      } finally {
        end();
      }
    }
  });
}

/** Git shows its user a text in plain text. */
function say(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
}
