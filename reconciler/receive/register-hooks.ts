import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {visible} from '../../schemas/visible.ts';
import {anySignal} from '../any-signal.ts';
import {goneSignal} from '../api/gone.ts';
import {warning} from '../build/output.ts';
import {ClusterPushes} from './cluster-push.ts';
import {AppPushes} from './app-push.ts';
import type {GitDeps} from './deps.ts';
import {HOOKS, type Hook} from './hook-scripts.ts';
import {PushRejected, type Push, type RefUpdate} from './push.ts';
import {notePush} from './note-push.ts';
import {repositoryAt} from './repositories.ts';

/** Largest hand-over of a hook, in bytes: a push of 5,000 branches. */
const BODY_BYTES_MAX = 1024 * 1024;

/** How long stopping waits for pushes to be undone, in milliseconds. */
const STOP_MS_MAX = 10_000;

/** What `hook.mjs` sends. The socket is only ours to write to, so its shape is taken as it is. */
interface HandedOver {
  readonly gitdir: string;
  readonly session: string;
  readonly user: string;
  readonly updates: readonly RefUpdate[];
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What git's hooks ask on the unix socket: may this push be accepted (`pre-receive`), and what follows from it (`post-receive`). */
export function registerHooks(server: FastifyInstance, deps: GitDeps): void {
  const cluster = new ClusterPushes(deps);
  const apps = new AppPushes(deps);
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  server.addHook('preClose', async () => {
    closing.abort(new Error('flynn is stopping'));
    // A release that was not healthy yet is taken back first: that is what its pusher is told.
    await Promise.race([Promise.allSettled(running), sleep(STOP_MS_MAX, undefined, {ref: false})]);
  });

  for (const hook of HOOKS) {
    server.post(`/hooks/${hook}`, {bodyLimit: BODY_BYTES_MAX}, async (request: FastifyRequest, reply) => {
      reply.hijack();
      const answering = answer(hook, request.body as HandedOver, reply);
      running.add(answering);
      await answering.finally(() => running.delete(answering));
    });
  }

  async function answer(hook: Hook, handedOver: HandedOver, reply: FastifyReply): Promise<void> {
    const hookGone = goneSignal(reply, 'the pusher went away');
    const session = deps.pushes.find(handedOver.session);
    const quarantine = handedOver.env['GIT_QUARANTINE_PATH'];
    if (session !== undefined && hook === 'post-receive') session.verdict = 'received';
    if (session !== undefined && quarantine !== undefined) session.quarantine = path.resolve(handedOver.gitdir, quarantine);
    reply.raw.writeHead(200, {'content-type': 'application/x-ndjson'});
    const write = (line: object) => {
      // The pusher may be gone, and a build that is being stopped may still say something.
      if (!reply.raw.writableEnded && !reply.raw.destroyed) reply.raw.write(`${JSON.stringify(line)}\n`);
    };
    reply.raw.on('error', () => {});
    // Of what a build prints, and a manifest says, the pusher's terminal shows all and obeys nothing.
    const print = (line: string) => write({print: visible(line)});
    const signal = anySignal([hookGone, closing.signal, ...(session === undefined ? [] : [session.signal])]);
    const ended = Promise.withResolvers<void>();
    const push: Push = {
      gitdir: handedOver.gitdir,
      updates: handedOver.updates,
      options: handedOver.options,
      env: handedOver.env,
      author: session === undefined ? {name: handedOver.user, email: `${handedOver.user}@localhost`} : {name: session.principal.name, email: session.principal.email},
      ...(session !== undefined && {principal: session.principal}),
      ...(session?.from !== undefined && {from: session.from}),
      print,
      settle: () => {
        if (session !== undefined) session.isSettled = true;
      },
      ended: session?.ended ?? ended.promise,
    };
    try {
      await decide(hook, push, signal);
      write({exit: 0});
    } catch (error) {
      const lines = linesOf(error);
      for (const line of lines) print(line);
      if (session !== undefined) session.verdict = 'refused';
      await notePush(deps, push, {action: 'push refused', subject: verdictOf(lines)});
      if (!(error instanceof PushRejected) && !signal.aborted) deps.log(`${hook} failed`, error);
      write({exit: 1});
    } finally {
      reply.raw.end();
      ended.resolve();
    }
  }

  async function decide(hook: Hook, push: Push, signal: AbortSignal): Promise<void> {
    const repository = await repositoryAt(push.gitdir, deps);
    if (repository === undefined) throw new PushRejected(warning(`Push rejected, "${push.gitdir}" is not a repository of this node`));
    if (repository.kind === 'cluster') return hook === 'pre-receive' ? cluster.mayReceive(push, signal) : cluster.received(push, signal);
    if (hook === 'pre-receive') await apps.deploy(repository.app, push, signal);
  }
}

/** The last line, without what makes it stand out. Those before it may quote manifests and logs. */
function verdictOf(lines: readonly string[]): string {
  return (lines.at(-1) ?? '').replace(/^[ !]*(Push rejected, )?/, '');
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof PushRejected) return error.lines;
  const [first = '', ...rest] = (error instanceof Error ? error.message : String(error)).split('\n');
  return [...rest, warning(`Push rejected, ${first}`)];
}
