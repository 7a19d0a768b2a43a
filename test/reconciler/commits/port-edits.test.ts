import test from 'ava';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import {choosePorts} from '../../../reconciler/commits/port-edits.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {head} from '../../support/manifests.ts';

const SHOP = 'shop' as AppName;

function change(yaml: string, taken: readonly number[] = [], range = {first: 3000, last: 3003}): string | undefined {
  const start = head('App');
  const changed = choosePorts(SHOP, {range, taken: new Set(taken)})((file) => (file === 'apps/shop/app.yaml' ? start + yaml : undefined), () => []);
  return changed['apps/shop/app.yaml']?.slice(start.length);
}

const chooses = test.macro<[string, readonly number[], string]>((t, before, taken, after) => t.is(change(before, taken), after));

test('a route gets the first free port, and everything else stays as it is', chooses, 'tcp:\n  # the database\n  - service: db   # main\n    allow: [10.0.0.0/8]\n', [3000, 3002], 'tcp:\n  # the database\n  - service: db   # main\n    allow: [10.0.0.0/8]\n    port: 3001\n');
test('also in a line, and several at once', chooses, 'tcp: [{service: db}, {port: 3000, service: web}, {service: cache}]\n', [], 'tcp: [{port: 3001, service: db}, {port: 3000, service: web}, {port: 3002, service: cache}]\n');
test('routes that have theirs are left alone', chooses, 'tcp: [{port: 5432, service: db}]\n', [], 'tcp: [{port: 5432, service: db}]\n');

test('without a free one it says what helps', (t) => {
  t.throws(() => change('tcp: [{service: db}]\n', [3000, 3001, 3002, 3003]), {instanceOf: EditRefused, message: 'no port is free from 3000 to 3003: give apps fewer, or make `router.tcpPorts` in cluster.yaml larger'});
});
test('two that share their YAML get one each', chooses, 'tcp:\n  - &one {service: db}\n  - *one\n', [], 'tcp:\n  - &one {port: 3000, service: db}\n  - { port: 3001, service: db }\n');
