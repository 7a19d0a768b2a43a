import websocket from '@fastify/websocket';
import {type FastifyInstance, type FastifyReply, fastify} from 'fastify';
import type {NodeView} from '../node.ts';
import type {IdentityTokens} from '../oidc/tokens.ts';
import {registerAppStateRoutes} from './app-state.ts';
import {registerAppRoutes} from './apps.ts';
import {registerDrainRoutes} from './drains.ts';
import {registerEnvRoutes} from './env.ts';
import {registerSecretRoutes} from './secrets.ts';
import type {Authenticate} from './authenticate.ts';
import {registerBuildRoutes} from './builds.ts';
import {registerCanaryRoutes} from './canary.ts';
import {registerCodeownersRoutes} from './codeowners.ts';
import {committer} from './commit.ts';
import {registerCommitRoutes} from './commits.ts';
import {registerCronRoutes} from './cron.ts';
import {MESSAGE_BYTES_MAX} from './frames.ts';
import {limitBodies, refuseNoRequest} from './framing.ts';
import {registerForgeRoutes} from './forge.ts';
import {registerGcRoutes} from './gc.ts';
import {registerIdentityRoutes, registerLoginRoute} from './identities.ts';
import {registerMetricsRoutes, registerPrometheusRoute} from './metrics.ts';
import {registerNodeRoutes} from './node-routes.ts';
import {registerNodesRoutes} from './nodes.ts';
import {registerOneShotRoutes} from './oneshot.ts';
import {registerOpenRoutes} from './open.ts';
import {registerVolumeRoutes} from './volumes.ts';
import {registerCertificateRoutes} from './certificates.ts';
import {registerPeopleRoutes} from './people.ts';
import {Logins} from './logins.ts';
import {guard} from './permit.ts';
import {checkInputs} from './openapi/check.ts';
import {methodsOf} from './openapi/document.ts';
import {servePages} from './openapi/pages.ts';
import {registerDocument} from './openapi/serve.ts';
import {answerProblems, problemOf} from './problem.ts';
import {registerProposalRoutes} from './proposals.ts';
import {limitRates} from './rate-limit.ts';
import {registerQuotaRoutes} from './quota.ts';
import {registerRegistryRoutes} from './registry.ts';
import {registerRenameRoutes} from './rename.ts';
import {registerReleaseRoutes} from './releases.ts';
import {registerRouteRoutes} from './routes.ts';
import {registerHookRoute, registerSourceRoutes} from './source.ts';
import {registerServiceRoutes} from './services.ts';
import {registerStackRoutes} from './stack.ts';
import {registerTeamRoutes} from './teams.ts';
import {UsedKeys} from './used-keys.ts';
import {serveVersions} from './versions.ts';

export interface ServerParts {
  readonly view: NodeView;
  readonly authenticate: Authenticate;
  /** Counts wrong tokens. Absent: those of this server alone. */
  readonly logins?: Logins;
  /** What Idempotency-Keys were used for. Absent: they are forgotten with this server. */
  readonly used?: UsedKeys;
  /** Tokens of identity providers. Absent: nobody comes with one. */
  readonly identityTokens?: IdentityTokens;
  /** Gets what failed inside of us; the client is only told that it did. */
  log(message: string, error: unknown): void;
}

/** Bodies of this API are small JSON; git's, which are not, have a parser and a limit of their own. */
const BODY_BYTES_MAX = 64 * 1024;
const URL_PARAMETER_LENGTH_MAX = 200;

/**
 * The API of a node, and what git's plugin is registered on. For 127.0.0.1: the router passes `api.<domain>` on to it.
 * `close()` ends all streams.
 */
export function createServer({view, authenticate, identityTokens, logins = new Logins({authenticate, audit: view.audit, settings: view.settings, ...(identityTokens && {identityTokens})}), used = new UsedKeys(), log}: ServerParts): FastifyInstance {
  const server = newServer(log, methodsOf);
  const closing = new AbortController();
  server.addHook('preClose', async () => closing.abort());
  checkInputs(server);
  servePages(server);
  registerDocument(server);
  registerOpenRoutes(server, view);
  registerLoginRoute(server, () => identityTokens?.provider());
  registerHookRoute(server, view);
  registerPrometheusRoute(server, {view, logins}, closing.signal);
  server.register(async (v1) => {
    await v1.register(websocket, {
      options: {maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false},
      preClose(done) {
        // Their sessions have been told, by `closing`; a client that does not answer is not waited for.
        setImmediate(() => v1.websocketServer.clients.forEach((client) => client.terminate()));
        done();
      },
    });
    guard(v1, {logins, authenticate, audit: view.audit});
    await limitRates(v1, authenticate);
    serveVersions(v1, {view, closing: closing.signal});
    const parts = {view, authenticate, used, commit: committer({view, authenticate, used, closing: closing.signal, log}), closing: closing.signal, log};
    registerNodeRoutes(v1, parts);
    registerMetricsRoutes(v1, parts);
    registerGcRoutes(v1, parts);
    registerDrainRoutes(v1, parts);
    registerAppRoutes(v1, parts);
    registerServiceRoutes(v1, parts);
    registerCommitRoutes(v1, parts);
    registerCronRoutes(v1, parts);
    registerEnvRoutes(v1, parts);
    registerReleaseRoutes(v1, parts);
    registerRouteRoutes(v1, parts);
    registerStackRoutes(v1, parts);
    registerBuildRoutes(v1, parts);
    registerAppStateRoutes(v1, parts);
    registerRenameRoutes(v1, parts);
    registerVolumeRoutes(v1, parts);
    registerCanaryRoutes(v1, parts);
    registerSecretRoutes(v1, parts);
    registerSourceRoutes(v1, parts);
    registerRegistryRoutes(v1, parts);
    registerForgeRoutes(v1, parts);
    registerCertificateRoutes(v1, parts);
    registerOneShotRoutes(v1, parts);
    registerPeopleRoutes(v1, parts);
    registerTeamRoutes(v1, parts);
    registerProposalRoutes(v1, parts);
    registerNodesRoutes(v1, parts);
    registerQuotaRoutes(v1, parts);
    registerCodeownersRoutes(v1, parts);
    registerIdentityRoutes(v1, parts, identityTokens);
  }, {prefix: '/v1'});
  return server;
}

/** What listens on the unix socket for programs on this machine: git's hooks register their routes on it. The socket's folder is 0700, so nobody is asked who he is. */
export function createLocalServer({view, log}: Pick<ServerParts, 'view' | 'log'>): FastifyInstance {
  const server = newServer(log, () => []);
  registerOpenRoutes(server, view);
  return server;
}

function newServer(log: ServerParts['log'], methodsOf: (path: string) => readonly string[]): FastifyInstance {
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    clientErrorHandler: refuseNoRequest,
    // Streams never become idle: without this, closing would wait for their clients.
    forceCloseConnections: true,
    // What is no URL, or has a part that is too long, is refused before any route is found.
    frameworkErrors: (error, _request, reply) => {
      const problem = problemOf(error);
      (reply as FastifyReply).status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
    },
    routerOptions: {maxParamLength: URL_PARAMETER_LENGTH_MAX},
  });
  // JSON only: a web page of another origin cannot send that without being asked by the browser first.
  server.removeContentTypeParser('text/plain');
  answerProblems(server, {log, methodsOf});
  limitBodies(server);
  return server;
}
