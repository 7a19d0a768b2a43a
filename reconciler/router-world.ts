import {connectCaddy} from './adapters/caddy.ts';
import {connectUnbound} from './adapters/unbound.ts';
import {loadRoutes, publishNames} from './apply/router.ts';
import type {World} from './apply/executors.ts';
import type {Layout} from './layout.ts';
import {RouterObserver} from './observed/router.ts';
import {routerFiles} from './router/files.ts';
import type {NodeSettings} from './settings.ts';

/** The router as the pass knows it: something to look at, and something to change. */
export function connectRouter({settings, layout}: {settings: NodeSettings; layout: Layout}): {readonly router: World['router']; readonly observer: RouterObserver} {
  const files = routerFiles(layout);
  const world = {settings, layout, caddy: connectCaddy(files.caddySocket), unbound: connectUnbound({socketPath: files.unboundSocket, dnsPort: settings.dnsPort})};
  return {
    router: {
      publishNames: (names, signal) => publishNames(names, world, signal),
      loadRoutes: (structure, signal) => loadRoutes(structure, world, signal),
    },
    observer: new RouterObserver(world),
  };
}
