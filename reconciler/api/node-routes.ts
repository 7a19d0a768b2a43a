import {createHash} from 'node:crypto';
import type {FastifyInstance} from 'fastify';
import {anySignal} from '../any-signal.ts';
import {formatPlan} from '../plan/format.ts';
import type {NodeView} from '../node.ts';
import type {FlynnEvent} from '../status/status.ts';
import type {PlanAnswer} from './answers.ts';
import {noted} from './audit.ts';
import type {Authenticate} from './authenticate.ts';
import type {Commit} from './commit.ts';
import {withoutSecrets} from './planned-action.ts';
import {seenBy, whoAsks} from './permit.ts';
import {explaining} from './problem.ts';
import {type EventQuery, LOG_LINES_MAX, readEventQuery} from './read.ts';
import {sendEvents, wantsEvents, type ServerEvent} from './sse.ts';
import {LineQueue, sendLines} from './stream.ts';
import type {UsedKeys} from './used-keys.ts';

export interface RouteParts {
  readonly view: NodeView;
  readonly authenticate: Authenticate;
  readonly commit: Commit;
  /** What makes no commit by `commit` asks it itself. */
  readonly used: UsedKeys;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  /** Gets what failed inside of us, where there is no answer to tell it in. */
  log(message: string, error: unknown): void;
}

/** A look at the engine with 1,000 containers takes well under a second; this is for an engine that hangs. */
const PLAN_MS_MAX = 30_000;

/** Questions about the whole node. */
export function registerNodeRoutes(server: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  server.get('/status', async (request) => {
    const status = view.status();
    return {...status, apps: status.apps.filter(seenBy(whoAsks(request, authenticate)))};
  });

  server.get('/plan', async (): Promise<PlanAnswer> => {
    const plan = await explaining("can't look at what runs", view.plan(anySignal([closing, AbortSignal.timeout(PLAN_MS_MAX)])));
    return {actions: plan.actions.map(withoutSecrets), waiting: plan.waiting, text: formatPlan(plan)};
  });

  server.post<{Body: {commit: string}}>('/confirm', async (request) => {
    const {commit: asked} = request.body;
    await noted(request, {view, authenticate}, {action: 'confirm', subject: asked});
    const commit = await explaining("can't confirm it", view.confirm(asked, anySignal([closing, AbortSignal.timeout(PLAN_MS_MAX)])));
    return {commit};
  });

  server.get<{Querystring: Record<string, string>}>('/events', (request, reply) => {
    const query = readEventQuery(request.query);
    const isSeen = seenBy(whoAsks(request, authenticate));
    if (wantsEvents(request)) return sendEvents(reply, (signal) => serverEvents(view, {...query, isSeen, lastId: request.headers['last-event-id'] as string | undefined}, signal), closing);
    return sendLines(reply, (signal) => events(view, {...query, isSeen}, signal), closing);
  });
}

/** What comes; after a break, what was missed of what is kept. */
async function* serverEvents(view: NodeView, {lastId, ...query}: EventQuery & {readonly isSeen: ReturnType<typeof seenBy>; readonly lastId: string | undefined}, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const {past, coming} = await told(view, {...query, follow: true, ...(lastId !== undefined && {lines: LOG_LINES_MAX})}, signal);
  for (const event of past.slice(lastId === undefined ? 0 : heardOf(past, lastId))) yield serverEvent(event);
  for await (const event of coming) yield serverEvent(event);
}

/**
 * How many of these had been told when the one with this id was the last. Their order says that and not their times, because how a container ended is told when it is
 * noticed, with the time at which it was; but where that one is not kept any more, times are all there is.
 */
function heardOf(past: readonly FlynnEvent[], lastId: string): number {
  const [lastAt = ''] = lastId.split('~');
  const last = past.findLastIndex((event) => event.at === lastAt && serverEvent(event).id === lastId);
  if (last !== -1) return last + 1;
  const later = past.findIndex(({at}) => at > lastAt);
  return later === -1 ? past.length : later;
}

function serverEvent(event: FlynnEvent): ServerEvent {
  const data = JSON.stringify(event);
  return {id: `${event.at}~${createHash('sha256').update(data).digest('hex').slice(0, 8)}`, event: 'event', data};
}

async function* events(view: NodeView, query: EventQuery & {readonly isSeen: ReturnType<typeof seenBy>}, signal: AbortSignal): AsyncGenerator<FlynnEvent> {
  const {past, coming} = await told(view, query, signal);
  yield* past;
  yield* coming;
}

interface Told {
  readonly past: readonly FlynnEvent[];
  readonly coming: AsyncIterable<FlynnEvent>;
}

async function told(view: NodeView, {app, lines, follow, isSeen}: EventQuery & {readonly isSeen: ReturnType<typeof seenBy>}, signal: AbortSignal): Promise<Told> {
  const coming = new LineQueue<FlynnEvent>(signal);
  const isMeant = (event: FlynnEvent) => (app === undefined || event.app === app) && isSeen({app: event.app});
  // All three in one turn of the event loop: none is missed or told twice.
  const recent = view.events().filter(isMeant);
  const older = view.olderEvents();
  if (follow) view.onEvent((event) => isMeant(event) && coming.push(event), signal);
  else coming.end();
  let past: FlynnEvent[] = [];
  if (recent.length < lines) {
    for await (const event of older) {
      if (isMeant(event)) past.push(event);
      if (past.length > 2 * lines) past = past.slice(-lines);
    }
  }
  return {past: lines === 0 ? [] : [...past, ...recent].slice(-lines), coming};
}
