import test from 'ava';
import {ConfigRefused} from '../../reconciler/adapters/caddy.ts';
import {handOver} from '../../reconciler/apply/handover.ts';
import {publishNames} from '../../reconciler/apply/router.ts';
import type {RefusedHost} from '../../reconciler/apply/shift.ts';
import type {RouteStructure, StructuredHost} from '../../reconciler/observed/structure.ts';
import {serviceName} from '../../reconciler/router/names.ts';
import {startBackend} from '../support/trial-backend.ts';
import {ask} from '../support/trial-client.ts';
import {startTrialRouter, until} from '../support/trial-router.ts';
import {removeShifts, shiftsOf} from '../support/trial-shifts.ts';

const SIGNAL = new AbortController().signal;

const hostOf = (host: string): StructuredHost => ({host, paths: [{path: '/', name: serviceName('web', 'shop')}]});
/** What no manifest can say: Caddy knows no such way to balance. */
const BAD = {host: 'bad.test', paths: [{path: '/', name: serviceName('web', 'bad'), options: {balance: 'nonsense'}}]} as unknown as StructuredHost;

test('a host that Caddy refuses is found, and keeps nobody else out', async (t) => {
  t.timeout(60_000);
  const router = await startTrialRouter(SIGNAL);
  const backend = await startBackend('one');
  const refused: RefusedHost[] = [];
  const world = shiftsOf(router, (hosts) => refused.push(...hosts));
  const names = async () => (await router.engine.containers([`flynn.instance=${router.instance}`], SIGNAL)).map(({name}) => name).toSorted();
  const get = (host: string) => ask({port: router.settings.httpPort, host});
  try {
    await publishNames(new Map([[serviceName('web', 'shop'), [backend]]]), router, SIGNAL);
    const before = await names();
    const wanted: RouteStructure = {hosts: ['a.test', 'b.test', 'c.test'].map(hostOf).toSpliced(1, 0, BAD)};
    const error = await t.throwsAsync(handOver({shift: 2, structure: wanted, beside: [1]}, world, SIGNAL), {instanceOf: ConfigRefused});
    t.regex(error?.message ?? '', /^Caddy refuses the routes of bad\.test: .*selection policy/);
    t.deepEqual(refused.map(({host}) => host), [BAD]);
    t.deepEqual(await names(), before, 'nothing is left of what was tried');
    t.is((await get('a.test')).status, 404, 'the one that ran runs on');

    await handOver({shift: 2, structure: {hosts: wanted.hosts.filter((host) => host !== BAD)}, beside: [1]}, world, SIGNAL);
    await until('the others are routed', async () => (await get('c.test')).body === 'one /');
  } finally {
    await removeShifts(router, SIGNAL);
    await router.remove();
    await backend.close();
  }
});
