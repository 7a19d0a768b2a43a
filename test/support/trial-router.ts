import {mkdtemp, readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import Docker from 'dockerode';
import {execa} from 'execa';
import {stackImages} from '../../buildpacks/stack/images.ts';
import {connectCaddy, type CaddyAdmin} from '../../reconciler/adapters/caddy.ts';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {connectUnbound} from '../../reconciler/adapters/unbound.ts';
import {prepareRouterFiles, type RouterWorld} from '../../reconciler/apply/router.ts';
import {writeShift} from '../../reconciler/apply/shift.ts';
import {NO_STRUCTURE} from '../../reconciler/router/caddy/config.ts';
import {shiftLayout} from '../../reconciler/router/files.ts';
import {LABEL_INSTANCE} from '../../reconciler/labels.ts';
import {layout as layoutOf} from '../../reconciler/layout.ts';
import {dnsContainerSpec, routerContainerSpec} from '../../reconciler/router/containers.ts';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {freePorts} from './free-ports.ts';
import {UNSEALED} from './sealed.ts';

/** Its layout is that of the one Caddy. */
export interface TrialRouter extends RouterWorld {
  shift(): Pick<RouterWorld, 'layout' | 'caddy'>;
  readonly engine: DockerEngine;
  readonly image: string;
  /** `<instance>-router-1` and `<instance>-dns` are the containers. */
  readonly instance: string;
  /** SIGKILL to the process itself: `docker kill` would make the engine believe that it is wanted stopped. */
  kill(role: 'router' | 'dns'): Promise<void>;
  /** Removes containers and files. */
  remove(): Promise<void>;
}

const UP_MS_MAX = 40_000;
const LOOK_EVERY_MS = 20;

/** A real Caddy and a real unbound in containers, on free ports of 127.0.0.1, with files in a folder of their own. */
export async function startTrialRouter(signal: AbortSignal): Promise<TrialRouter> {
  const image = process.env['FLYNN_ROUTER_IMAGE'] ?? (await stackImages()).router;
  // Short: the path of a unix socket has at most 107 bytes.
  const data = await mkdtemp('/tmp/flynn-rt-');
  const instance = path.basename(data).toLowerCase();
  const [httpPort = 0, httpsPort = 0, apiPort = 0, dnsPort = 0] = await freePorts(4);
  const settings: NodeSettings = {data, node: 'trial', domain: 'flynn.localhost', listen: '127.0.0.1', httpPort, httpsPort, apiPort, dnsPort, sshPort: 0, cluster: {kind: 'own'}};
  const base = layoutOf(data);
  const layout = shiftLayout(base, 1);
  const engine = new DockerEngine(new Docker());
  const remove = async () => {
    for (const {id} of await engine.containers([`${LABEL_INSTANCE}=${instance}`], AbortSignal.timeout(UP_MS_MAX))) await engine.remove(id, AbortSignal.timeout(UP_MS_MAX));
    await rm(data, {recursive: true, force: true});
  };
  try {
    await prepareRouterFiles({settings, layout: base}, signal);
    await writeShift({shift: 1, structure: NO_STRUCTURE}, {settings, layout: base, secrets: UNSEALED}, signal);
    const parts = {settings, layout: base, image, instance};
    for (const spec of [dnsContainerSpec(parts), {...routerContainerSpec(parts, 1), restart: 'always' as const}]) await engine.run(spec, signal);
    const caddy = settling(connectCaddy(path.join(layout.caddy, 'admin.sock')), [httpPort, httpsPort]);
    const unbound = connectUnbound({socketPath: path.join(layout.unbound, 'control.sock'), dnsPort});
    await until('the trial router answers', async () => {
      await Promise.all([caddy.config(signal), unbound.listRecords(signal)]);
      return true;
    });
    return {settings, layout, engine, image, instance, caddy, unbound, secrets: UNSEALED, shift: () => ({layout, caddy}), kill: (role) => kill(role === 'router' ? `${instance}-router-1` : `${instance}-${role}`), remove};
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Caddy says that it has loaded a configuration a moment before the last listener of the one before is closed (2.6.2, `App.Stop`): who connects in between may be
 * answered as before, or reset. Here it has loaded one when that is over.
 */
function settling(caddy: CaddyAdmin, ports: readonly number[]): CaddyAdmin {
  return {
    ...caddy,
    async load(config, signal) {
      const before = await listenersOf(ports);
      await caddy.load(config, signal);
      await until('the listeners of the configuration before are closed', async () => (await listenersOf(ports)).every((count, index) => count <= Math.max(1, before[index] ?? 0)));
    },
  };
}

/** How many sockets listen on each of them over IPv4, as proc_pid_net(5) says. */
async function listenersOf(ports: readonly number[]): Promise<readonly number[]> {
  const LISTEN = '0A';
  const sockets = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  const listening = sockets.filter(([, , , state]) => state === LISTEN).map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
  return ports.map((wanted) => listening.filter((port) => port === wanted).length);
}

async function kill(container: string): Promise<void> {
  let pid = 0;
  // 0 while it is being started anew: who kills that kills himself.
  await until(`${container} runs`, async () => {
    pid = Number((await execa('docker', ['inspect', '--format', '{{.State.Pid}}', container])).stdout);
    return pid > 0;
  });
  process.kill(pid, 'SIGKILL');
}

/** Waits for a condition; one that throws is not met yet. Rejects with the last error after `limitMs`. */
export async function until(what: string, isMet: () => Promise<boolean>, limitMs = UP_MS_MAX): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const outcome = await isMet().catch((error: unknown) => error as Error);
    if (outcome === true) return;
    if (performance.now() > endMs) throw new Error(`not so within ${limitMs} ms: ${what}`, {cause: outcome === false ? undefined : outcome});
    await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS); });
  }
}
