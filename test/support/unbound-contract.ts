import type {ExecutionContext} from 'ava';
import type {UnboundControl} from '../../reconciler/adapters/unbound.ts';

const SIGNAL = new AbortController().signal;

/** What the pass relies on: the fake and the real unbound both keep it. Leaves nothing behind. */
export async function keepsUnboundContract(t: ExecutionContext, unbound: UnboundControl): Promise<void> {
  const records = async () => (await unbound.listRecords(SIGNAL)).map((record) => record.replace(/\s+/g, ' ')).filter((record) => record.includes('contract.test.')).toSorted();
  const first = '_http._tcp.contract.test. 1 IN SRV 0 0 80 a-10-0-0-1._ip.flynn.internal.';
  const second = '_http._tcp.contract.test. 1 IN SRV 0 0 80 a-10-0-0-2._ip.flynn.internal.';

  await t.throwsAsync(unbound.addRecords([first], SIGNAL), undefined, 'a record outside of all our zones');
  await unbound.addZones(['_http._tcp.contract.test. static'], SIGNAL);
  await unbound.addRecords([first], SIGNAL);
  await unbound.addRecords([first, second], SIGNAL);
  t.deepEqual(await records(), [first, second], 'records add up, the same one only once');
  await unbound.addZones(['_http._tcp.contract.test. static'], SIGNAL);
  t.deepEqual(await records(), [first, second], 'a zone that exists keeps its records');
  await unbound.removeRecords(['_http._tcp.contract.test.', 'nothing.test.'], SIGNAL);
  t.deepEqual(await records(), [], 'a name loses all its records');
  await unbound.addRecords([second], SIGNAL);
  t.deepEqual(await records(), [second], 'the zone stays without records');
  await unbound.removeZones(['_http._tcp.contract.test.', 'nothing.test.'], SIGNAL);
  t.deepEqual(await records(), [], 'a zone takes its records with it');

  t.not(await unbound.resolveText('_generation.flynn.internal', SIGNAL), undefined);
  await unbound.removeRecords(['_generation.flynn.internal.'], SIGNAL);
  t.is(await unbound.resolveText('_generation.flynn.internal', SIGNAL), undefined);
  await unbound.addRecords(['_generation.flynn.internal. 1 IN TXT "one two"'], SIGNAL);
  t.is(await unbound.resolveText('_generation.flynn.internal', SIGNAL), 'one two');
  await t.throwsAsync(unbound.listRecords(AbortSignal.abort(new Error('stopped'))), {message: 'stopped'});
}
