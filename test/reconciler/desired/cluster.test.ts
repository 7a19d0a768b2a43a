import test from 'ava';
import {buildLimits, resolveCluster} from '../../../reconciler/desired/cluster.ts';
import {cluster, config, file} from '../../support/manifests.ts';

test('cluster.yaml with its first lines alone has every default', (t) => {
  t.deepEqual(config(), {
    name: 'test',
    domain: 'flynn.localhost',
    limits: {memoryBytes: 512 * 2 ** 20, cpus: 1, pidsMax: 512},
    builds: {memoryBytes: 2 * 2 ** 30, cpus: 2, timeMs: 900_000, diskBytes: 4 * 2 ** 30, cacheBytes: 2 * 2 ** 30, minFreeBytes: 2 * 2 ** 30, imageBytes: 2 * 2 ** 30, isBuildkitAllowed: true, concurrent: 2},
    keep: {releases: 10, images: 5},
    logBytesMax: 10 * 2 ** 20,
    logs: {appBytesMax: 64 * 2 ** 20, ageMsMax: 7 * 24 * 60 * 60 * 1000},
    networks: {range: '10.213.0.0/16', prefix: 25},
    recipients: [],
    tcpPorts: {first: 3000, last: 3500},
    policy: {},
  });
});

test('what cluster.yaml says wins, one by one', (t) => {
  const own = config('builds: {timeoutSeconds: 60, disk: 1.5Gi}\nkeep: {releases: 3}\nlogs: {maxSize: 1M}\n');
  t.deepEqual(buildLimits(own), {memoryBytes: 2 * 2 ** 30, cpus: 2, timeMs: 60_000, diskBytes: 1.5 * 2 ** 30, cacheBytes: 0.75 * 2 ** 30, minFreeBytes: 2 * 2 ** 30, imageBytes: 2 * 2 ** 30, isBuildkitAllowed: true});
  t.is(config('builds: {cache: 100Mi}\n').builds.cacheBytes, 100 * 2 ** 20);
  t.deepEqual([own.keep, own.logBytesMax], [{releases: 3, images: 5}, 1_000_000]);
});

test('a repository without cluster.yaml is refused, and one with a symlink for it', (t) => {
  t.deepEqual(resolveCluster([file('README.md', '')]), {ok: false, problem: [{file: 'cluster.yaml', line: 1, column: 1, message: 'is missing: every cluster repository has one'}]});
  t.deepEqual(resolveCluster([{path: 'cluster.yaml', kind: 'refused', why: 'is a symlink'}]), {ok: false, problem: [{file: 'cluster.yaml', line: 1, column: 1, message: 'is a symlink'}]});
  t.false(resolveCluster([cluster('keep: {releases: 1}\n')]).ok);
});
