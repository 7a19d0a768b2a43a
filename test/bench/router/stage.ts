import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {execa} from 'execa';
import {publishNames} from '../../../reconciler/apply/router.ts';
import type {Target} from '../../../reconciler/observed/state.ts';
import {hostName} from '../../../reconciler/router/names.ts';
import {stackImages} from '../../../buildpacks/stack/images.ts';
import {freePorts} from '../../support/free-ports.ts';
import {startTrialRouter, type TrialRouter} from '../../support/trial-router.ts';
import type {BenchContext} from '../report.ts';
import {get} from '../http.ts';
import {until} from '../until.ts';

/** A router of ours, two replicas that answer as fast as anything can, and a HAProxy in front of the same replicas. */
export interface Stage {
  readonly router: TrialRouter;
  readonly replicas: readonly [Target, Target];
  readonly haproxyPort: number;
  /** Makes the router answer for these hosts and no others. */
  publish(hosts: ReadonlyMap<string, readonly Target[]>): Promise<void>;
}

const UP_MS_MAX = 20_000;

export async function setStage({onEnd}: BenchContext, signal: AbortSignal): Promise<Stage> {
  const router = await startTrialRouter(signal);
  onEnd(() => router.remove());
  const [one = 0, two = 0, haproxyPort = 0] = await freePorts(3);
  const folder = await mkdtemp('/tmp/flynn-bench-');
  onEnd(() => rm(folder, {recursive: true, force: true}));
  const name = path.basename(folder).toLowerCase();
  const file = path.join(folder, 'haproxy.cfg');
  await writeFile(file, haproxyConfig({one, two, haproxyPort}));
  await execa('docker', ['run', '--detach', '--name', name, '--network', 'host', '--volume', `${file}:${file}:ro`, (await stackImages()).router, 'haproxy', '-db', '-f', file]);
  onEnd(async () => void await execa('docker', ['rm', '--force', '--volumes', name]));
  await until('HAProxy answers', async () => ((await get({port: haproxyPort, host: 'bench.test'}, signal))?.status === 200 ? true : undefined), {everyMs: 50, msMax: UP_MS_MAX}, signal);
  const replica = (port: number) => ({address: '127.0.0.1', port});
  return {
    router, haproxyPort,
    replicas: [replica(one), replica(two)],
    publish: (hosts) => publishNames(new Map([...hosts].map(([host, targets]) => [hostName(host), targets])), router, signal),
  };
}

function haproxyConfig({one, two, haproxyPort}: {readonly one: number; readonly two: number; readonly haproxyPort: number}): string {
  const replica = (name: string, port: number) => `frontend ${name}\n  bind 127.0.0.1:${port}\n  http-request return status 200 content-type text/plain string "${name}"\n`;
  return `global
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${replica('one', one)}${replica('two', two)}frontend between
  bind 127.0.0.1:${haproxyPort}
  default_backend replicas
backend replicas
  http-reuse always
  server one 127.0.0.1:${one}
  server two 127.0.0.1:${two}
`;
}
