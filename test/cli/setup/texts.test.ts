import test from 'ava';
import {Failure} from '../../../cli/command.ts';
import {debianSourceIn, trixieSource} from '../../../cli/setup/apt.ts';
import {addressesOf} from '../../../cli/setup/command-line.ts';
import {engineSocket, majorOf} from '../../../cli/setup/engine.ts';
import {inParallel} from '../../../cli/setup/in-parallel.ts';
import {countBelongings} from '../../../cli/setup/purge.ts';
import {addressLines} from '../../../cli/setup/ready.ts';
import {mergeSettings} from '../../../cli/setup/settings-file.ts';
import {graceMsOf} from '../../../cli/setup/stop.ts';
import {unitName, unitText} from '../../../cli/setup/systemd.ts';

test('the unit starts the launcher with its data directory, restarts it always and leaves containers alone', (t) => {
  const text = unitText({data: '/srv/my flynn', launcher: '/opt/flynn/cli/flynn', home: '/root'});
  t.regex(text, /^ExecStart=\/opt\/flynn\/cli\/flynn up --data "\/srv\/my flynn"$/m);
  t.regex(text, /^Restart=always$/m);
  t.regex(text, /^KillMode=mixed$/m);
  t.regex(text, /^Environment=HOME=\/root$/m);
  t.regex(text, /^After=.*docker\.service/m);
});

test('each data directory has a unit of its own', (t) => {
  t.is(unitName('/var/lib/flynn'), 'flynn.service');
  t.regex(unitName('/srv/flynn'), /^flynn-[0-9a-f]{6}\.service$/);
});

test('Debian 13 comes from the mirror, and with the key, that the machine has for Debian 12', (t) => {
  const targets = [
    'Docker|bookworm|https://download.docker.com/linux/debian/|/etc/apt/keyrings/docker.asc',
    'Debian|bookworm-security|http://mirror.example/security/|',
    'Debian|bookworm|http://mirror.example/debian/|/usr/share/keyrings/mirror.gpg',
  ];
  t.deepEqual(debianSourceIn(targets.join('\n')), {uri: 'http://mirror.example/debian/', signedBy: '/usr/share/keyrings/mirror.gpg'});
  t.is(debianSourceIn('Debian|bookworm|http://m/debian/|$(SIGNED_BY)')?.signedBy, '/usr/share/keyrings/debian-archive-keyring.gpg');
  t.is(debianSourceIn('Debian|bookworm|cdrom://disk/|\n'), undefined);
  t.regex(trixieSource({uri: 'http://m/debian/', signedBy: '/k.gpg'}), /^Types: deb\nURIs: http:\/\/m\/debian\/\nSuites: trixie\nComponents: main\nSigned-By: \/k\.gpg\n$/m);
});

test('versions of engines are compared by their first number', (t) => {
  t.deepEqual(['20.10.24+dfsg1', '26.1.5+dfsg1-9', '5:28.0.1-1'].map((version) => majorOf(version.replace(/^\d+:/, ''))), [20, 26, 28]);
});

test('an engine on another machine is refused', (t) => {
  t.is(engineSocket({}), '/var/run/docker.sock');
  t.is(engineSocket({DOCKER_HOST: ''}), '/var/run/docker.sock');
  t.is(engineSocket({DOCKER_HOST: 'unix:///tmp/d.sock'}), '/tmp/d.sock');
  t.throws(() => engineSocket({DOCKER_HOST: 'tcp://10.0.0.1:2375'}), {instanceOf: Failure, message: /needs an engine on this machine/});
});

test('addresses have the port where it is not the usual one', (t) => {
  const settings = mergeSettings({data: '/var/lib/flynn', hostname: 'box', stored: undefined, flags: {}});
  t.deepEqual(addressesOf(settings), {url: 'http://api.flynn.localhost', gitUrl: 'http://git.flynn.localhost'});
  t.is(addressesOf({...settings, httpPort: 8080}).gitUrl, 'http://git.flynn.localhost:8080');
  t.true(addressLines(settings).includes('  cluster   http://git.flynn.localhost/cluster.git'));
});

test('what a purge removes is counted in words', (t) => {
  t.is(countBelongings({containers: ['a', 'b'], images: ['c'], networks: [], volumes: ['d']}), '2 containers, 1 image, 1 volume');
  t.is(countBelongings({containers: [], images: [], networks: [], volumes: []}), 'no containers, images, networks or volumes');
});

test('a container stops with the grace of its own label, or the default', (t) => {
  t.deepEqual([`{"stopGraceMs":5000}`, '{}', 'broken', undefined, `{"stopGraceMs":"1"}`].map(graceMsOf), [5000, 30_000, 30_000, 30_000, 30_000]);
});

test('all items are tried although one fails, and never more at once than allowed', async (t) => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  const work = async (item: number) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    seen.push(item);
    if (item === 2) throw new Error('two');
  };
  await t.throwsAsync(inParallel([1, 2, 3, 4, 5], 2, work), {message: 'two'});
  t.deepEqual([seen.toSorted(), most], [[1, 2, 3, 4, 5], 2]);
});
