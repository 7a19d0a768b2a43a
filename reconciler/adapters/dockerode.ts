import {createRequire, registerHooks} from 'node:module';
import type Docker from 'dockerode';

/**
 * What dockerode loads for engines behind SSH and for BuildKit's sessions. We talk to a unix socket and make no sessions, and these
 * three are 15 MB of the memory of a process that is idle nearly always (measured 2026-11, Node 24, resident).
 */
const UNUSED: ReadonlySet<string> = new Set(['ssh2', '@grpc/grpc-js', '@grpc/proto-loader']);
const NOTHING = new URL('no-transport.cjs', import.meta.url).href;

/** A client of the engine, as `new Docker(options)`. */
export function createDocker(options?: Docker.DockerOptions): Docker {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => (UNUSED.has(specifier) ? {url: NOTHING, format: 'commonjs', shortCircuit: true} : next(specifier, context)),
  });
  try {
    // Loaded once; later calls get the same class from the cache of `require`.
    const Client = createRequire(import.meta.url)('dockerode') as typeof Docker;
    return new Client(options);
  } finally {
    hooks.deregister();
  }
}
