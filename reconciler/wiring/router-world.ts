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
import {handOver, keepShift, retireShift} from '../apply/handover.ts';
import {removeShift, type RefusedHost} from '../apply/shift.ts';
import {routerFiles, shiftLayout} from '../router/files.ts';
import {tcpStructureIn} from '../router/haproxy-config.ts';
import type {NodeSettings} from '../settings.ts';

/** Hosts that Caddy refused and are remembered. They are found again after a restart. */
const REFUSED_MAX = 1_000;

/** The router as the pass knows it: something to look at, and something to change. */
export function connectRouter({settings, layout, secrets, isTcpWanted}: {settings: NodeSettings; layout: Layout; secrets: SecretOpener; isTcpWanted: () => boolean}): {readonly router: World['router']; readonly observer: RouterObserver; readonly tcpObserver: TcpObserver; readonly figures: RouterFigures} {
  const files = routerFiles(layout);
  const unbound = connectUnbound({socketPath: files.unboundSocket, dnsPort: settings.dnsPort});
  const shift = (number: number) => {
    const own = shiftLayout(layout, number);
    return {layout: own, caddy: connectCaddy(routerFiles(own).caddySocket)};
  };
  let refused: ReadonlyMap<string, string> = new Map();
  const onRefused = (hosts: readonly RefusedHost[]) => {
    refused = new Map([...refused, ...hosts.map(({host, cause}) => [JSON.stringify(host), cause] as const)].slice(-REFUSED_MAX));
  };
  const base = {settings, layout, secrets, onRefused, caddy: (number: number) => shift(number).caddy};
  const tcpWorld = {settings, layout, haproxy: connectHaproxy({socketPath: files.haproxySocket, masterSocketPath: files.haproxyMasterSocket})};
  const observer = new RouterObserver({settings, layout, unbound, shift, refused: () => refused});
  return {
    router: {
      publishNames: (names, signal) => publishNames(names, {settings, layout, unbound}, signal),
      handOver: (action, containers, signal) => handOver(action, {...base, ...containers}, signal),
      keepShift: (action, containers, signal) => keepShift(action, {...base, ...containers}, signal),
      retireShift: (action, containers, signal) => retireShift(action, {...base, ...containers}, signal),
      removeShift: (action, containers, signal) => removeShift(action, {...base, ...containers}, signal),
      loadRoutes: ({structure, shift: number}, signal) => loadRoutes(structure, {settings, secrets, ...shift(number)}, signal),
      loadTcp: (structure, signal) => loadTcp(structure, tcpWorld, signal),
    },
    observer,
    tcpObserver: new TcpObserver({...tcpWorld, isWanted: isTcpWanted}),
    figures: {
      requestsInFlight: (signal) => observer.requestsInFlight(signal),
      async tcp(signal) {
        if (!isTcpWanted()) return undefined;
        const [text, traffic] = await Promise.all([readIfThere(files.haproxyConfig, signal), tcpWorld.haproxy.traffic(signal)]);
        return {structure: tcpStructureIn(text ?? '') ?? [], traffic};
      },
    },
  };
}
