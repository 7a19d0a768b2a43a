import {setTimeout} from 'node:timers/promises';
import type {Layout} from '../../reconciler/layout.ts';
import {sshUrlOf, urlOf, type NodeSettings} from '../../reconciler/settings.ts';
import {sshFiles} from '../../reconciler/ssh/files.ts';
import {readHostKey, type HostKey} from '../../reconciler/ssh/prepare.ts';
import {Failure} from '../command.ts';
import {addressesOf} from './command-line.ts';
import {askSocket} from './socket.ts';

/** From the start of the reconciler to the first pass that ended: the router's containers and all apps are adopted in it. */
export const READY_TIMEOUT_MS = 120_000;
const ASK_TIMEOUT_MS = 3000;
const LOOK_MS = 100;

/** Does the reconciler of this data directory say that it is ready? */
export async function isReady({socket}: Layout, signal: AbortSignal): Promise<boolean> {
  const answer = await askSocket({socketPath: socket, path: '/readyz', timeoutMs: ASK_TIMEOUT_MS}, signal).catch(() => undefined);
  signal.throwIfAborted();
  return answer?.status === 200;
}

/** `died`: why it can never become ready any more, undefined as long as it can. Throws `Failure` then, and when it takes too long. */
export async function untilReady({layout, died, timeoutMs = READY_TIMEOUT_MS}: {
  readonly layout: Layout;
  readonly died: () => Promise<readonly string[] | undefined>;
  readonly timeoutMs?: number;
}, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    if (await isReady(layout, signal)) return;
    const end = await died();
    if (end !== undefined) throw new Failure('the reconciler ended before it was ready', {advice: end});
    if (deadline.aborted) throw new Failure(`the reconciler is not ready after ${timeoutMs / 1000} s`, {advice: [`see its log: ${layout.log}`, 'and: flynn status']});
    await setTimeout(LOOK_MS, undefined, {signal});
  }
}

/** What people need to go on, once the node is ready. */
export async function addresses(settings: NodeSettings, layout: Layout): Promise<readonly string[]> {
  return addressLines(settings, await readHostKey(sshFiles(layout).hostKey));
}

/** Exported for its test. */
export function addressLines(settings: NodeSettings, hostKey?: Pick<HostKey, 'fingerprint'>): readonly string[] {
  const {url, gitUrl} = addressesOf(settings);
  const ssh = sshUrlOf(settings);
  const repository = settings.cluster.kind === 'own' ? `${gitUrl}/cluster.git` : settings.cluster.kind === 'remote' ? settings.cluster.url : settings.cluster.folder;
  return [
    `  apps      ${urlOf(`<app>.${settings.domain}`, settings)}`,
    `  cluster   ${repository}`,
    `  api       ${url}`,
    ...(ssh === undefined || hostKey === undefined ? [] : [`  ssh       ${ssh}  host key ${hostKey.fingerprint}`]),
    `  data      ${settings.data}`,
  ];
}
