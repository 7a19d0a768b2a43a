import {readIfThere} from '../adapters/files.ts';
import {connectCaddy} from '../adapters/caddy.ts';
import {connectHaproxy} from '../adapters/haproxy.ts';
import {connectUnbound} from '../adapters/unbound.ts';
import {loadRoutes, publishNames} from '../apply/router.ts';
import type {SecretOpener} from '../apply/route-secrets.ts';
import {loadTcp} from '../apply/tcp.ts';
import type {World} from '../apply/executors.ts';
import type {Layout} from '../layout.ts';
import type {RouterFigures} from './metrics.ts';
import {RouterObserver} from '../observed/router.ts';
import {TcpObserver} from '../observed/tcp.ts';
import {routerFiles} from '../router/files.ts';
import {tcpStructureIn} from '../router/haproxy-config.ts';
import type {NodeSettings} from '../settings.ts';

/** The router as the pass knows it: something to look at, and something to change. */
export function connectRouter({settings, layout, secrets, isTcpWanted}: {settings: NodeSettings; layout: Layout; secrets: SecretOpener; isTcpWanted: () => boolean}): {readonly router: World['router']; readonly observer: RouterObserver; readonly tcpObserver: TcpObserver; readonly figures: RouterFigures} {
  const files = routerFiles(layout);
  const world = {settings, layout, secrets, caddy: connectCaddy(files.caddySocket), unbound: connectUnbound({socketPath: files.unboundSocket, dnsPort: settings.dnsPort})};
  const tcpWorld = {settings, layout, haproxy: connectHaproxy({socketPath: files.haproxySocket, masterSocketPath: files.haproxyMasterSocket})};
  return {
    router: {
      publishNames: (names, signal) => publishNames(names, world, signal),
      loadRoutes: (structure, signal) => loadRoutes(structure, world, signal),
      loadTcp: (structure, signal) => loadTcp(structure, tcpWorld, signal),
    },
    observer: new RouterObserver(world),
    tcpObserver: new TcpObserver({...tcpWorld, isWanted: isTcpWanted}),
    figures: {
      requestsInFlight: (signal) => world.caddy.requestsInFlight(signal),
      async tcp(signal) {
        if (!isTcpWanted()) return undefined;
        const [text, traffic] = await Promise.all([readIfThere(files.haproxyConfig, signal), tcpWorld.haproxy.traffic(signal)]);
        return {structure: tcpStructureIn(text ?? '') ?? [], traffic};
      },
    },
  };
}
