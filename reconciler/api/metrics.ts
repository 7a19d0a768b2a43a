import type {FastifyInstance} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {NodeMetrics} from '../node.ts';
import {known} from './apps.ts';
import {PROMETHEUS_TYPE, prometheusText} from './prometheus.ts';
import {mustEnter, type Logins} from './logins.ts';
import type {RouteParts} from './node-routes.ts';
import {permit, seenBy, whoAsks} from './permit.ts';
import {explaining} from './problem.ts';
import {readAppName} from './read.ts';

/** The router's processes answer in milliseconds. */
const LOOK_MS_MAX = 5_000;

/** What the router has done for the apps, for programs of ours. */
export function registerMetricsRoutes(v1: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  v1.get<{Querystring: {app?: string}}>('/metrics', async (request): Promise<NodeMetrics> => {
    const {app} = request.query;
    const isSeen = seenBy(whoAsks(request, authenticate));
    const name = app === undefined ? undefined : readAppName(app);
    const found = await look(view, closing);
    // One that is gone has been counted all the same.
    const isCounted = [...found.http, ...found.tcp].some((one) => one.app === name);
    if (name !== undefined && !isCounted) known(name, view);
    const ofApp = <One extends {readonly app: string}>(all: readonly One[]) => all.filter((one) => (name === undefined || one.app === name) && isSeen({app: one.app}));
    return {...found, http: ofApp(found.http), tcp: ofApp(found.tcp), tcpReplicas: ofApp(found.tcpReplicas)};
  });
}

/** The same for Prometheus, where it looks for it unless told otherwise. */
export function registerPrometheusRoute(server: FastifyInstance, {view, logins}: Pick<RouteParts, 'view'> & {readonly logins: Logins}, closing: AbortSignal): void {
  server.get('/metrics', async (request, reply) => {
    permit(await mustEnter(logins, request, reply), 'cluster.plan');
    reply.type(PROMETHEUS_TYPE);
    return prometheusText(await look(view, closing), view.settings.node);
  });
}

function look(view: RouteParts['view'], closing: AbortSignal): Promise<NodeMetrics> {
  return explaining("can't look at the router", view.metrics.look(anySignal([closing, AbortSignal.timeout(LOOK_MS_MAX)])));
}
