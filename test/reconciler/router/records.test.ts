import test from 'ava';
import type {NameTable} from '../../../reconciler/observed/state.ts';
import {addressOf, hostName, isHost, serviceName, targetName} from '../../../reconciler/router/names.ts';
import {answerable, answered, complete, generationOf, recordChange, renderRecordsFile, tableOf} from '../../../reconciler/router/records.ts';

/** `shop: 10.0.0.1:80 10.0.0.2:80`, one host a line. */
function table(text: string): NameTable {
  const rows = text.split('\n').filter((line) => line.trim() !== '').map((line) => {
    const [host = '', list = ''] = line.trim().split(': ');
    const targets = list.split(' ').filter((word) => word !== '').map((word) => {
      const [address = '', port = ''] = word.split(':');
      return {address, port: Number(port)};
    });
    return [hostName(host.replace(':', '')), targets] as const;
  });
  return new Map(rows);
}

/** The records that unbound lists when it started from the file. */
function listed(names: NameTable): string[] {
  return [...renderRecordsFile(names).matchAll(/local-data: '(.*)'/g)].map(([, record = '']) => record.replace(/ (\S+) (IN) (\S+) /, '\t$1\t$2\t$3\t'));
}

test('the file that unbound starts from has a zone and the records for each name', (t) => {
  t.is(renderRecordsFile(table('empty.test:\nshop.test: 10.0.0.1:80 10.0.0.2:80')), `server:
  local-zone: "a-10-0-0-1._ip.flynn.internal." static
  local-zone: "a-10-0-0-2._ip.flynn.internal." static
  local-zone: "_http._tcp.empty.test." static
  local-zone: "_http._tcp.shop.test." static
  local-data: 'a-10-0-0-1._ip.flynn.internal. 1 IN A 10.0.0.1'
  local-data: 'a-10-0-0-2._ip.flynn.internal. 1 IN A 10.0.0.2'
  local-data: '_http._tcp.empty.test. 1 IN SRV 0 0 1 _none.flynn.internal.'
  local-data: '_http._tcp.shop.test. 1 IN SRV 0 0 80 a-10-0-0-1._ip.flynn.internal.'
  local-data: '_http._tcp.shop.test. 1 IN SRV 0 0 80 a-10-0-0-2._ip.flynn.internal.'
  local-data: '_generation.flynn.internal. 1 IN TXT "${generationOf(table('empty.test:\nshop.test: 10.0.0.1:80 10.0.0.2:80'))}"'
`);
});

test('a table is read back from the records it was written as', (t) => {
  const names = table('a.test: 10.0.0.1:80 10.0.0.1:443 10.0.0.10:80 10.0.0.2:81\nempty.test:\nz.test: 10.0.0.1:80');
  t.deepEqual(tableOf(listed(names).toReversed()), names);
});

const changes = test.macro((t, from: string, to: string, expected: string) => {
  const change = recordChange(listed(table(from)), table(to));
  const short = (line: string) => line.replace(/_http\._tcp\.|\._ip\.flynn\.internal\.?|\.? static| 1 IN| 0 0|\.$/g, '').replaceAll('. ', ' ');
  t.is(Object.entries(change).filter(([, lines]) => lines.length > 0).map(([what, lines]) => `${what}: ${lines.map(short).join(', ')}`).join('\n'), expected);
});

test('nothing is sent when nothing changed', changes, 'shop: 10.0.0.1:80', 'shop: 10.0.0.1:80', '');
test('a new host brings its zone, its address and its records', changes, '', 'shop: 10.0.0.1:80',
  'zonesToAdd: a-10-0-0-1, shop\nrecordsToAdd: a-10-0-0-1 A 10.0.0.1, shop SRV 80 a-10-0-0-1');
test('one more replica is added beside the others, without a gap', changes, 'shop: 10.0.0.1:80', 'shop: 10.0.0.1:80 10.0.0.2:80',
  'zonesToAdd: a-10-0-0-2\nrecordsToAdd: a-10-0-0-2 A 10.0.0.2, shop SRV 80 a-10-0-0-2');
test('a replica that leaves replaces the whole name', changes, 'shop: 10.0.0.1:80 10.0.0.2:80', 'shop: 10.0.0.2:80',
  'namesToReplace: shop\nreplacements: shop SRV 80 a-10-0-0-2\nzonesToRemove: a-10-0-0-1');
test('the last replica leaves a name that points nowhere', changes, 'shop: 10.0.0.1:80', 'shop:',
  'namesToReplace: shop\nreplacements: shop SRV 1 _none.flynn.internal\nzonesToRemove: a-10-0-0-1');
test('the first replica replaces what pointed nowhere', changes, 'shop:', 'shop: 10.0.0.1:80',
  'zonesToAdd: a-10-0-0-1\nrecordsToAdd: a-10-0-0-1 A 10.0.0.1\nnamesToReplace: shop\nreplacements: shop SRV 80 a-10-0-0-1');
test('a replica that is there several times gets records that differ', changes, 'shop: 10.0.0.1:80', 'shop: 10.0.0.1:80 10.0.0.2:80 10.0.0.2:80',
  'zonesToAdd: a-10-0-0-2\nrecordsToAdd: a-10-0-0-2 A 10.0.0.2, shop SRV 80 a-10-0-0-2, shop SRV 0 1 80 a-10-0-0-2');
test('another share of the requests replaces the whole name', changes, 'shop: 10.0.0.1:80 10.0.0.2:80 10.0.0.2:80', 'shop: 10.0.0.1:80 10.0.0.2:80',
  'namesToReplace: shop\nreplacements: shop SRV 80 a-10-0-0-1, shop SRV 80 a-10-0-0-2');
test('the same shares are no change', changes, 'shop: 10.0.0.1:80 10.0.0.2:80 10.0.0.2:80', 'shop: 10.0.0.1:80 10.0.0.2:80 10.0.0.2:80', '');
test('an address that another host still has stays', changes, 'a: 10.0.0.1:80\nb: 10.0.0.1:81', 'b: 10.0.0.1:81', 'zonesToRemove: a');

test('a target without its address record is not what clients would find', (t) => {
  const records = listed(table('shop: 10.0.0.1:80')).filter((record) => !record.includes('\tA\t'));
  t.deepEqual(tableOf(records), table('shop:'));
  t.deepEqual(recordChange(records, table('shop: 10.0.0.1:80')).recordsToAdd, ['a-10-0-0-1._ip.flynn.internal. 1 IN A 10.0.0.1']);
});

test('an address record changed by hand is put right', (t) => {
  const wanted = table('shop: 10.0.0.1:80');
  const records = listed(wanted).map((record) => record.replace(/\tA\t.*/, '\tA\t10.6.6.6'));
  t.notDeepEqual(tableOf(records), wanted);
  t.true(recordChange(records, wanted).namesToReplace.includes('a-10-0-0-1._ip.flynn.internal.'));
});

test('a target put in by hand differs from every target of ours', (t) => {
  t.deepEqual(tableOf(['_http._tcp.shop.\t1\tIN\tSRV\t0 0 80 evil.example.']).get('_http._tcp.shop'), [{address: 'evil.example.', port: 80}]);
});

test('names that no DNS server could answer do not keep the others from being published', (t) => {
  const bad = ['a b', 'a"', "a'", 'a\nb', 'x..y', '-a', 'A', 'a_b', '', `${'a'.repeat(64)}.test`, `${'a.'.repeat(120)}test`];
  t.deepEqual([...answerable(new Map([...bad, 'shop.test'].map((host) => [hostName(host), []]))).keys()], [hostName('shop.test')]);
});

test('the generation tells tables apart, and not the order in which they were made', (t) => {
  t.is(generationOf(table('a: 10.0.0.1:80 10.0.0.2:80\nb:')), generationOf(table('b:\na: 10.0.0.2:80 10.0.0.1:80')));
  t.not(generationOf(table('a: 10.0.0.1:80')), generationOf(table('a: 10.0.0.1:81')));
});

test('an address is read back from the name that spells it, and from no other name', (t) => {
  t.is(addressOf(`${targetName('172.18.0.5')}.`), '172.18.0.5');
  t.deepEqual(['a-1-2-3-999._ip.flynn.internal', 'a-1-2-3-4.flynn.internal', '127.0.0.1'].map(addressOf), [undefined, undefined, undefined]);
  t.throws(() => targetName('evil.example'), {message: 'bug: "evil.example" is not an IPv4 address'});
});

test('no host can be below a name of ours, so that no Host header is answered from it', (t) => {
  t.deepEqual(['_svc._tcp.web.shop.flynn.internal', '_http._tcp.shop.test', 'a-10-0-0-1._ip.flynn.internal'].map(isHost), [false, false, false]);
  t.is(serviceName('web', 'shop'), '_svc._tcp.web.shop.flynn.internal');
});

const UNKNOWN = {address: '127.0.0.2', port: 3553};

test('a wildcard is a zone that answers for all below it', (t) => {
  const file = renderRecordsFile(complete(table('*.a.test: 10.0.0.1:80\nb.a.test: 10.0.0.1:80'), UNKNOWN));
  t.deepEqual(file.split('\n').map((line) => line.trim()).filter((line) => /zone|SRV/.test(line) && !line.includes('_ip.flynn.internal." static')), [
    'local-zone: "." redirect',
    'local-zone: "a.test." redirect',
    'local-zone: "_http._tcp.a.test." static',
    'local-zone: "_http._tcp.b.a.test." static',
    "local-data: '. 1 IN SRV 0 0 3553 a-127-0-0-2._ip.flynn.internal.'",
    "local-data: 'a.test. 1 IN SRV 0 0 80 a-10-0-0-1._ip.flynn.internal.'",
    "local-data: '_http._tcp.a.test. 1 IN SRV 0 0 3553 a-127-0-0-2._ip.flynn.internal.'",
    "local-data: '_http._tcp.b.a.test. 1 IN SRV 0 0 80 a-10-0-0-1._ip.flynn.internal.'",
  ]);
});

const isRead = test.macro((t, text: string) => {
  const names = table(text);
  t.deepEqual(answered(tableOf(listed(complete(names, UNKNOWN))), UNKNOWN), names);
});
test('without names, nothing but the answer to unknown hosts is published', isRead, '');
test('a wildcard is read back', isRead, '*.a.test: 10.0.0.1:80 10.0.0.2:80');
test('a wildcard with the host that it is called after is read back', isRead, '*.a.test: 10.0.0.1:80\na.test: 10.0.0.2:80');
test('a catch-all and wildcards in each other are read back', isRead, '*: 10.0.0.1:80\n*.a.test:\n*.b.a.test: 10.0.0.3:80');

test('what is answered beside the names is missed when it is gone or changed', (t) => {
  const whole = listed(complete(table('*.a.test: 10.0.0.1:80'), UNKNOWN));
  const missed = (records: readonly string[]) => [...answered(tableOf(records), UNKNOWN)].filter(([, targets]) => targets.length === 0).map(([name]) => name);
  t.deepEqual(missed(whole.filter((record) => !record.startsWith('.'))), [hostName('*')]);
  t.deepEqual(missed(whole.filter((record) => !record.startsWith('_http._tcp.a.test'))), [hostName('a.test')]);
  t.deepEqual(missed(whole.map((record) => record.replace('3553', '3554'))), [hostName('*'), hostName('a.test')]);
});

test('a wildcard that comes and goes brings its zone and takes it away', changes, '', '*.a.test: 10.0.0.1:80', 'zonesToAdd: a-10-0-0-1, a.test redirect\nrecordsToAdd: a-10-0-0-1 A 10.0.0.1, a.test SRV 80 a-10-0-0-1');
test('a catch-all takes the place of the answer to unknown hosts', changes, '*: 127.0.0.2:3553', '*: 10.0.0.1:80',
  'zonesToAdd: a-10-0-0-1\nrecordsToAdd: a-10-0-0-1 A 10.0.0.1\nnamesToReplace: \nreplacements:  SRV 80 a-10-0-0-1\nzonesToRemove: a-127-0-0-2');
