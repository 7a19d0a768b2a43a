import test from 'ava';
import {containersIn, doOverlap, formatSubnet, parseSubnet, type Subnet} from '../../schemas/subnet.ts';

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === undefined) throw new Error(`"${text}" is no subnet`);
  return parsed;
};

test('a subnet is read and written as the same text', (t) => {
  for (const text of ['0.0.0.0/0', '10.213.0.128/25', '192.168.1.0/24', '255.255.255.255/32']) t.is(formatSubnet(subnet(text)), text);
});

test('bits beyond the prefix do not count', (t) => {
  t.is(formatSubnet(subnet('10.213.7.9/16')), '10.213.0.0/16');
});

test('what is no subnet of IPv4 is not taken for one', (t) => {
  for (const text of ['10.0.0.0', '10.0.0/8', '10.0.0.256/8', '10.0.0.0/33', 'fe80::/10', '10.0.0.0/8 ', '']) t.is(parseSubnet(text), undefined, text);
});

test('subnets overlap when one holds the other, never when they are neighbours', (t) => {
  const overlap = (a: string, b: string) => [doOverlap(subnet(a), subnet(b)), doOverlap(subnet(b), subnet(a))];
  t.deepEqual(overlap('10.0.0.0/8', '10.213.0.0/25'), [true, true]);
  t.deepEqual(overlap('10.213.0.0/25', '10.213.0.0/25'), [true, true]);
  t.deepEqual(overlap('10.213.0.0/25', '10.213.0.128/25'), [false, false]);
});

test('a network has three addresses that are no container\'s', (t) => {
  t.deepEqual([containersIn(25), containersIn(28)], [125, 13]);
});
