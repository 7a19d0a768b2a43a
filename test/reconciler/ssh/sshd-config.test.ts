import test from 'ava';
import {accessOf} from '../../../reconciler/access/access.ts';
import {sshFiles} from '../../../reconciler/ssh/files.ts';
import {renderAuthorizedKeys, renderSshdConfig} from '../../../reconciler/ssh/sshd-config.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import {file, head} from '../../support/manifests.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINEQwNBTMvWcHUnJ/nlnM0fyYB98evtJcnVh7N8dJ3WR';
const FINGERPRINT = 'SHA256:c3Wadl9X0IdKUmH4utqSKCbuuikLF7s0sfg9VarScfY';
const files = sshFiles({ssh: '/var/lib/flynn/ssh'});

function person(user: string, keys: readonly string[]) {
  return file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\nsshKeys:\n${keys.map((key) => `  - ${key}\n`).join('')}`);
}

test('a key may run the relay under its own name, and nothing else; its comment is nobody\'s business', (t) => {
  const {access} = accessOf([person('ann', [`${KEY} "$(id)"`])]);
  t.is(renderAuthorizedKeys(access.sshKeys.values(), files), `restrict,command="exec /usr/bin/perl '/var/lib/flynn/ssh/box/relay.pl' '/var/lib/flynn/ssh/box/git.sock' ${FINGERPRINT}" ${KEY}\n`);
});

test('nothing but a key gets in at sshd, and no way leads through it', (t) => {
  const lines = renderSshdConfig({listen: '0.0.0.0', port: 2222}, files).split('\n');
  for (const line of ['ListenAddress 0.0.0.0:2222', 'AllowUsers git', 'AuthenticationMethods publickey', 'PasswordAuthentication no', 'PermitRootLogin no', 'DisableForwarding yes', 'PermitTTY no', 'PermitUserEnvironment no', 'AcceptEnv GIT_PROTOCOL']) {
    t.true(lines.includes(line), line);
  }
});

test('a key that somebody has is nobody else\'s, and is told of with its place', (t) => {
  const {access, problems} = accessOf([person('bob', [`${KEY} bob`]), person('ann', [KEY]), person('eve', ['command="id" ssh-rsa AAAA', KEY, KEY])]);
  t.is(access.sshKeys.get(FINGERPRINT)?.user, 'ann');
  t.false(access.people.has('eve'), 'a file that is wrong counts for nothing');
  const told = problems.map(formatDiagnostic);
  t.true(told.some((line) => line.startsWith('people/bob.yaml:6:') && line.endsWith(`the SSH key ${FINGERPRINT} is one of ann too: whose would it be?`)), told.join('\n'));
  t.true(told.some((line) => line.startsWith('people/eve.yaml:6:5: the SSH key has to begin with its type')), told.join('\n'));
  t.true(told.some((line) => line === 'people/eve.yaml:8:5: the SSH key is there twice'), told.join('\n'));
});
