import {mkdtemp, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {handOver} from '../../../reconciler/apply/handover.ts';
import type {ShiftWorld} from '../../../reconciler/apply/shift.ts';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import {routerFiles, shiftLayout} from '../../../reconciler/router/files.ts';
import {FakeEngine} from '../../support/fake-engine.ts';
import {UNSEALED} from '../../support/sealed.ts';

const IMAGE = 'sha256:router';

test('a Caddy that somebody pauses before it has taken over is not waited for, and nothing is left of it', async (t) => {
  const data = await mkdtemp(path.join(tmpdir(), 'flynn-handover-'));
  t.teardown(() => rm(data, {recursive: true, force: true}));
  const engine = new FakeEngine();
  engine.addImage(IMAGE);
  const layout = layoutOf(data);
  let asked = 0;
  const world: ShiftWorld = {
    settings: {data, node: 'n', domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553, sshPort: 0, cluster: {kind: 'own'}},
    layout, secrets: UNSEALED, onRefused: () => t.fail('no host is to blame'),
    engine: {
      run: (spec) => engine.run(spec),
      container: (id) => engine.container(id),
      logs: () => engine.logs(),
      send: (id) => engine.send(id),
      setRestart: (id, restart) => engine.setRestart(id, restart),
      remove: (id) => engine.remove(id),
    },
    caddy: () => ({
      config: async () => null, mark: async () => '', load: async () => {}, requestsInFlight: async () => new Map(),
      async isReady() {
        asked += 1;
        const [there] = await engine.containers([]);
        if (there !== undefined) engine.tamper(there.id, {isPaused: true});
        return false;
      },
    }),
    spec: () => ({name: 'flynn-router-2', image: IMAGE, command: [], env: {}, network: 'host', mounts: [], memoryBytes: 0, cpus: 0, pidsMax: 0, capabilities: [], restart: 'never', logBytesMax: 1, labels: {}}),
  };
  await t.throwsAsync(handOver({shift: 2, structure: {hosts: []}, beside: [1]}, world, AbortSignal.timeout(30_000)), {message: 'Caddy was paused by somebody before it had taken over'});
  t.is(asked, 1);
  t.deepEqual(await engine.containers([]), []);
  await t.throwsAsync(stat(routerFiles(shiftLayout(layout, 2)).caddyConfig), {code: 'ENOENT'});
});
