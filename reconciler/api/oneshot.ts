import type {FastifyInstance, FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {Actor, Killed, Restarted, RestartedReplica, StartedRun} from '../oneshot/oneshot.ts';
import {addressOf} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {whoAsks} from './permit.ts';
import {explaining} from './problem.ts';
import {readAppName, readCount} from './read.ts';
import {readReplica, readStart} from './read-session.ts';
import {serveSession} from './session.ts';
import {sendLines} from './stream.ts';

/** Longer than any container's own grace. */
const KILL_MS_MAX = 15 * 60_000;
const START_MS_MAX = 60_000;
const AUDIT_LINES_DEFAULT = 100;
const AUDIT_LINES_MAX = 10_000;

type AppParams = {readonly Params: {readonly app: string}};
type ReplicaParams = {readonly Params: {readonly app: string; readonly replica: string}};

/** What people do to containers without a commit. `run` and `exec` are websockets: see `frames.ts`. */
export function registerOneShotRoutes(v1: FastifyInstance, {view, authenticate, closing, log}: RouteParts): void {
  const {oneShot, audit} = view;
  const actorOf = (request: FastifyRequest): Actor => {
    const {name, email, user, oidc} = whoAsks(request, authenticate);
    return {name, email, user, from: addressOf(request), ...(oidc && {oidc})};
  };
  const within = (ms: number) => anySignal([closing, AbortSignal.timeout(ms)]);

  v1.get<AppParams>('/apps/:app/run', {websocket: true}, (socket, request) => serveSession(socket, {
    open: (start, signal) => explaining("can't run it", oneShot.run({app: readAppName(request.params.app), actor: actorOf(request), ...readStart(start)}, signal)),
    closing, log,
  }));

  v1.post<AppParams & {Body: unknown}>('/apps/:app/run', async (request, reply): Promise<StartedRun> => {
    const {terminal: _none, ...start} = readStart(request.body);
    const started = await explaining("can't run it", oneShot.runDetached({app: readAppName(request.params.app), actor: actorOf(request), ...start}, within(START_MS_MAX)));
    reply.status(201);
    return started;
  });

  v1.get<ReplicaParams>('/apps/:app/replicas/:replica/exec', {websocket: true}, (socket, request) => serveSession(socket, {
    open: (start, signal) => {
      const {service: _none, ...rest} = readStart(start);
      return explaining("can't run it", oneShot.exec({app: readAppName(request.params.app), replica: readReplica(request.params.replica), actor: actorOf(request), ...rest}, signal));
    },
    closing, log,
  }));

  v1.post<ReplicaParams>('/apps/:app/replicas/:replica/kill', async (request): Promise<Killed> => {
    const {app, replica} = request.params;
    return explaining("can't kill it", oneShot.kill({app: readAppName(app), replica: readReplica(replica), actor: actorOf(request)}, within(KILL_MS_MAX)));
  });

  /** It takes as long as a deploy, so the one line of the answer comes in a stream; who goes in the meantime does not stop it. */
  v1.post<ReplicaParams>('/apps/:app/replicas/:replica/restart', (request, reply) => {
    const wish = {app: readAppName(request.params.app), replica: readReplica(request.params.replica), actor: actorOf(request)};
    return sendLines(reply, async function* (signal): AsyncGenerator<RestartedReplica> {
      yield await explaining("can't restart it", oneShot.restartReplica(wish, signal));
    }, closing);
  });

  v1.post<AppParams & {Body: {service?: string} | null | undefined}>('/apps/:app/restart', async (request): Promise<Restarted> => {
    const {service} = request.body ?? {};
    return explaining("can't restart it", oneShot.restart({app: readAppName(request.params.app), actor: actorOf(request), ...(service !== undefined && {service})}, within(START_MS_MAX)));
  });

  v1.get<{Querystring: {readonly lines?: string}}>('/audit', async ({query}) => {
    const lines = readCount(query.lines, {name: 'lines', otherwise: AUDIT_LINES_DEFAULT, max: AUDIT_LINES_MAX});
    return explaining("can't read the audit log", audit.last(lines));
  });

  v1.get('/audit/verdict', () => explaining("can't read the audit log", audit.verify()));
}
