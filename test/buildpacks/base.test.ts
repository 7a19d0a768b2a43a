import test from 'ava';
import {sourcesFrom} from '../../buildpacks/stack/base.ts';

const HOST = `http://mirror.test/nodesource/|Node Source|Node Source
http://mirror.test/debian/|Debian|Debian
http://mirror.test/debian-security/|Debian|Debian-Security
http://other.test/debian/|Debian|Debian`;

test('the new system gets its packages from the mirrors that this machine uses', t => {
  t.deepEqual(sourcesFrom(HOST, undefined), [
    'deb http://mirror.test/debian trixie main',
    'deb http://mirror.test/debian trixie-updates main',
    'deb http://mirror.test/debian-security trixie-security main',
  ]);
});

test('a mirror without a security suite of its own has it beside debian/', t => {
  t.is(sourcesFrom('http://mirror.test/debian/|Debian|Debian', undefined).at(-1), 'deb http://mirror.test/debian-security trixie-security main');
});

test('a configured mirror comes before the one of apt', t => {
  t.is(sourcesFrom(HOST, 'http://chosen.test/debian/')[0], 'deb http://chosen.test/debian trixie main');
});

test('without any Debian mirror the message says what to set', t => {
  t.throws(() => sourcesFrom('http://mirror.test/ubuntu|Ubuntu|Ubuntu', undefined), {message: /FLYNN_DEBIAN_MIRROR.*FLYNN_BASE_IMAGE/});
});
