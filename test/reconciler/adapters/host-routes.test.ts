import test from 'ava';
import {hostSubnets, subnetsOf} from '../../../reconciler/adapters/host-routes.ts';
import {parseSubnet} from '../../../schemas/subnet.ts';

test('the kernel\'s table says the subnets that it has routes to, but for the default route', (t) => {
  t.deepEqual(subnetsOf(`Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
br-1	8000D50A	00000000	0001	0	0	0	80FFFFFF	0	0	0
tun0	0000000A	00000000	0001	0	0	0	000000FF	0	0	0
tun1	0000000A	00000000	0001	0	0	0	000000FF	0	0	0
`), ['172.17.0.0/16', '10.213.0.128/25', '10.0.0.0/8']);
});

test('a host without routes has no subnets', (t) => {
  t.deepEqual(subnetsOf('Iface	Destination	Gateway\n'), []);
});

test('this machine\'s table can be read', async (t) => {
  for (const subnet of await hostSubnets()) t.truthy(parseSubnet(subnet), subnet);
});
