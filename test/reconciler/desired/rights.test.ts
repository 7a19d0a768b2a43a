import test from 'ava';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {ContainerTemplate} from '../../../reconciler/desired/state.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, config, release} from '../../support/manifests.ts';

const SHOP = 'shop' as AppName;
const ALL = '{strategy: stop-first, privileged: true, capabilities: [NET_ADMIN], hostNetwork: true, hostPaths: {/srv/photos: {path: /photos, readOnly: true}}, dockerSocket: true}';

function resolved(yaml: string, cluster = '', releases = [release('shop', 1)]) {
  return resolveApp({name: SHOP, treeId: '' as TreeId, files: [app('shop', yaml), ...releases]}, config(cluster), 'flynn.localhost');
}

function problems(yaml: string, cluster = '', releases?: []): readonly string[] {
  const found = resolved(yaml, cluster, releases);
  return found.state === 'invalid' ? found.problems.map(({file, line, column, message}) => `${file}:${line}:${column}: ${message}`) : [];
}

function template(yaml: string, cluster = ''): ContainerTemplate {
  const found = resolved(yaml, cluster);
  const [service] = found.state === 'resolved' ? found.services : [];
  if (service === undefined) throw new Error(JSON.stringify(found));
  return service.container;
}

test('what leads out of a container is refused at its place, with the reason and with who can allow it', (t) => {
  t.deepEqual(problems(`services:\n  web: ${ALL}\n`), [
    'apps/shop/app.yaml:4:43: privileged is not allowed: it gives the app all rights on the node. Whoever answers for the cluster can allow it in cluster.yaml: `policy: {shop: {privileged: true}}`',
    'apps/shop/app.yaml:4:64: the capability NET_ADMIN is not allowed: containers keep a short list of rights only. Whoever answers for the cluster can allow it in cluster.yaml: `policy: {shop: {capabilities: [NET_ADMIN]}}`',
    'apps/shop/app.yaml:4:89: hostNetwork is not allowed: it shows the app the ports of the node and of all other apps. Whoever answers for the cluster can allow it in cluster.yaml: `policy: {shop: {hostNetwork: true}}`',
    'apps/shop/app.yaml:4:120: the host path "/srv/photos" is not allowed: it is a part of the node, not of the app. Whoever answers for the cluster can allow it in cluster.yaml: `policy: {shop: {hostPaths: [/srv/photos]}}`',
    'apps/shop/app.yaml:4:168: dockerSocket is not allowed: whoever may talk to the engine may do everything on the node. Whoever answers for the cluster can allow it in cluster.yaml: `policy: {shop: {dockerSocket: true}}`',
  ]);
});

test('it is refused before the first push too, and for a service that does not run', (t) => {
  t.is(problems('services: {web: {privileged: true}}\n', '', []).length, 1);
  t.is(problems('services: {idle: {hostNetwork: true}}\n').length, 1);
});

test('the policy allows one app what it names, and no other', (t) => {
  const policy = (name: string) => `policy: {${name}: {privileged: true, capabilities: [NET_ADMIN, SYS_TIME], hostNetwork: true, hostPaths: [/srv/photos], dockerSocket: true}}\n`;
  t.deepEqual(problems(`services: {web: ${ALL}}\n`, policy('shop')), []);
  t.is(problems(`services: {web: ${ALL}}\n`, policy('blog')).length, 5);
  t.is(problems('services: {web: {hostNetwork: false, privileged: false}}\n').length, 0, 'to say no needs no permission');
});

test('a path below or above an allowed one is not allowed', (t) => {
  const asked = (path: string) => problems(`services: {web: {hostPaths: {${path}: {path: /photos}}}}\n`, 'policy: {shop: {hostPaths: [/srv/photos]}}\n').length;
  t.deepEqual([asked('/srv/photos'), asked('/srv/photos/link'), asked('/srv'), asked('/srv/photos2')], [0, 1, 1, 1]);
});

test('what is allowed is in the template, in an order of its own', (t) => {
  const {hostMounts, capabilities, isPrivileged, isOnHostNetwork, facts} = template(
    'services: {web: {strategy: stop-first, privileged: true, capabilities: [SYS_TIME, NET_ADMIN], hostNetwork: true, hostPaths: {/b: {path: /y}, /a: {path: /x, readOnly: true}}, dockerSocket: true}}\n',
    'policy: {shop: {privileged: true, capabilities: [NET_ADMIN, SYS_TIME], hostNetwork: true, hostPaths: [/a, /b], dockerSocket: true}}\n',
  );
  t.deepEqual({hostMounts, capabilities, isPrivileged, isOnHostNetwork, isReachedOnLoopback: facts.isOnHostNetwork}, {
    hostMounts: [
      {source: '/a', target: '/x', isReadOnly: true}, {source: '/b', target: '/y', isReadOnly: false},
      {source: '/var/run/docker.sock', target: '/var/run/docker.sock', isReadOnly: false},
    ],
    capabilities: ['NET_ADMIN', 'SYS_TIME'],
    isPrivileged: true,
    isOnHostNetwork: true,
    isReachedOnLoopback: true,
  });
});

test('on the node\'s network there is one replica, and the old one stops before the new one starts: they have one port', (t) => {
  const policy = 'policy: {shop: {hostNetwork: true}}\n';
  t.deepEqual(problems('services: {web: {hostNetwork: true, replicas: 2, strategy: rolling}}\n', policy), [
    'apps/shop/app.yaml:3:47: a service on the node\'s network has one replica, not 2: two at once would want the same port',
    'apps/shop/app.yaml:3:60: a service on the node\'s network needs `strategy: stop-first`, not "rolling": two at once would want the same port',
  ]);
  t.deepEqual(problems('services: {agent: {command: run, hostNetwork: true, replicas: 2}}\n', policy), [], 'without a port there is nothing to fight for');
});

test('volumes, tmpfs and a read-only root are in the template', (t) => {
  const {volumes, tmpfs, isRootReadOnly, filesMax} = template('services: {web: {strategy: stop-first, volumes: {b: {path: /b}, a: {path: /a}}, tmpfs: {/tmp: 64Mi}, readOnlyRoot: true, limits: {files: 4096}}}\n');
  t.deepEqual({volumes, tmpfs, isRootReadOnly, filesMax}, {
    volumes: [{name: 'a', path: '/a'}, {name: 'b', path: '/b'}],
    tmpfs: [{path: '/tmp', sizeBytes: 64 * 2 ** 20}],
    isRootReadOnly: true,
    filesMax: 4096,
  });
});

test('a service without wishes has the template that it always had: nobody is deployed again for a new field', (t) => {
  const keys = ['command', 'cpus', 'env', 'facts', 'image', 'memoryBytes', 'pidsMax'];
  t.deepEqual(Object.keys(template('')).toSorted(), keys);
  t.deepEqual(Object.keys(template('services: {web: {volumes: {}, tmpfs: {}, readOnlyRoot: false, limits: {files: 10000}}}\n', 'defaults: {files: 10000}\n')).toSorted(), keys);
  t.is(template('', 'defaults: {files: 2000}\n').filesMax, 2000);
});
