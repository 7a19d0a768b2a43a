import test from 'ava';
import {RefusedLogins} from '../../../reconciler/ssh/refused-logins.ts';

const A = 'SHA256:c3Wadl9X0IdKUmH4utqSKCbuuikLF7s0sfg9VarScfY';
const B = 'SHA256:4CeXY5zauSfEB3T7tQjGaX/E16Igz6sCUbiCMi8feXc';

function seen(...lines: readonly string[]) {
  const logins = new RefusedLogins();
  return lines.flatMap((line) => logins.see(line) ?? []);
}

test('somebody whose keys are nobody\'s is told of once, with all that he tried', (t) => {
  t.deepEqual(seen(
    'Connection from 192.0.2.7 port 40000 on 10.0.0.1 port 2222 rdomain ""',
    `Failed publickey for git from 192.0.2.7 port 40000 ssh2: ED25519 ${A}`,
    `Failed publickey for git from 192.0.2.7 port 40000 ssh2: RSA ${B}`,
    'Connection closed by authenticating user git 192.0.2.7 port 40000 [preauth]',
  ), [{from: '192.0.2.7', user: 'git', keys: [A, B], isDropped: false}]);
});

test('a key that is refused before the right one is no refused login', (t) => {
  t.deepEqual(seen(
    `Failed publickey for git from 192.0.2.7 port 40000 ssh2: ED25519 ${A}`,
    `Accepted publickey for git from 192.0.2.7 port 40000 ssh2: RSA ${B}`,
    'Disconnected from user git 192.0.2.7 port 40000',
    'Connection closed by authenticating user git 192.0.2.7 port 40000 [preauth]',
  ), [{from: '192.0.2.7', user: 'git', keys: [], isDropped: false}], 'nor does its key count for the next connection');
});

test('other users, too many keys, and who comes too often', (t) => {
  t.deepEqual(seen(
    'Invalid user root from 2001:db8::7 port 40001',
    'Connection reset by invalid user root 2001:db8::7 port 40001 [preauth]',
    'error: maximum authentication attempts exceeded for git from 192.0.2.7 port 40002 ssh2 [preauth]',
    'Disconnecting authenticating user git 192.0.2.7 port 40002: Too many authentication failures [preauth]',
    'drop connection #0 from [192.0.2.7]:40003 on [10.0.0.1]:2222 penalty: failed authentication',
  ), [
    {from: '2001:db8::7', user: 'root', keys: [], isDropped: false},
    {from: '192.0.2.7', user: 'git', keys: [], isDropped: false},
    {from: '192.0.2.7', keys: [], isDropped: true},
  ]);
});

test('who calls himself like a line of the log says nothing of anybody else', (t) => {
  t.deepEqual(seen(
    'Connection closed by invalid user git 203.0.113.9 port 22 [preauth] 192.0.2.7 port 40000 [preauth]',
    `Failed publickey for invalid user git from 203.0.113.9 port 22 ssh2: RSA ${B} from 192.0.2.7 port 40001 ssh2: ED25519 ${A}`,
    'Connection closed by invalid user x 192.0.2.7 port 40001 [preauth]',
  ).map(({from, keys}) => [from, keys]), [['192.0.2.7', []], ['192.0.2.7', [A]]]);
});

test('a scanner that says nothing is none', (t) => {
  t.deepEqual(seen('Connection closed by 192.0.2.7 port 40000 [preauth]', 'Connection reset by 192.0.2.7 port 40000 [preauth]', 'Server listening on 0.0.0.0 port 2222.'), []);
});
