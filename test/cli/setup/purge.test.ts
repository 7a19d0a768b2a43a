import {createServer} from 'node:http';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import Docker from 'dockerode';
import {otherNodes, ourContainers} from '../../../cli/setup/ours.ts';
import {hasOtherInstances} from '../../../cli/setup/purge.ts';
import {instanceOf} from '../../../reconciler/settings.ts';

const {signal} = new AbortController();
const container = (Id: string, Labels: Readonly<Record<string, string>>) => ({Id, Names: [`/${Id}`], Labels, State: 'running'});

test('a container that somebody started by hand from an image of an app is not ours', async (t) => {
  const docker = await engineWith(t, {
    '/containers/json': [container('replica', {'flynn.instance': 'flynn', 'flynn.role': 'app'}), container('by-hand', {'flynn.instance': 'flynn', 'flynn.app': 'site'})],
  });
  t.deepEqual((await ourContainers(docker, 'flynn', signal)).map(({name}) => name), ['replica']);
});

const others = test.macro<[kind: string, listed: Readonly<Record<string, unknown>>]>({
  exec: async (t, _kind, listed) => {
    const docker = await engineWith(t, listed);
    t.true(await hasOtherInstances(docker, 'flynn', signal));
    t.false(await hasOtherInstances(docker, 'flynn-0a1b2c', signal));
  },
  title: (_, kind) => `${kind} of another node is seen as such`,
});
const Labels = {'flynn.instance': 'flynn-0a1b2c'};
test(others, 'a container', {'/containers/json': [container('other', Labels)]});
test(others, 'an image', {'/images/json': [{Id: 'sha256:1', Labels}]});
test(others, 'a network', {'/networks': [{Id: '1', Labels}]});
test(others, 'a volume', {'/volumes': {Volumes: [{Name: '1', Labels}]}});

test('other nodes that run are known by what they share with their containers', async (t) => {
  const of = (instance: string, ...sources: readonly string[]) => ({...container(sources.join() || 'none', {'flynn.instance': instance, 'flynn.role': 'router'}), Mounts: sources.map((Source) => ({Type: 'bind', Source}))});
  const docker = await engineWith(t, {
    '/containers/json': [of('flynn', '/var/lib/flynn/router/caddy'), of(instanceOf('/srv/two'), '/etc/resolv.conf', '/srv/two/router/dns'), of(instanceOf('/srv/two'), '/srv/two/run'), of('flynn-000000', '/srv/three/run'), of('flynn-111111')],
  });
  t.deepEqual(await otherNodes(docker, instanceOf('/srv/one'), signal), ['/srv/two', '/var/lib/flynn']);
  t.deepEqual(await otherNodes(docker, 'flynn', signal), ['/srv/two']);
});

async function engineWith(t: ExecutionContext, listed: Readonly<Record<string, unknown>>): Promise<Docker> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-docker-'));
  const answers: Readonly<Record<string, unknown>> = {'/volumes': {Volumes: []}, ...listed};
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answers[request.url?.split('?')[0] ?? ''] ?? []));
  });
  const socketPath = path.join(folder, 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, {recursive: true});
  });
  return new Docker({socketPath});
}
