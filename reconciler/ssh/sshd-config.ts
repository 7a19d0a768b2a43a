import type {LoginKey} from '../../schemas/login-key.ts';
import type {SshFiles} from './files.ts';

/** Who the client says that he is. Whose the key is says who he is really. */
export const SSH_USER = 'git';

/** Where sshd is; it wants its name as a whole. */
export const SSHD = '/usr/sbin/sshd';

/** Wrong keys that one address may try until it has to wait, each being forgotten after so many seconds: as with tokens, see api/login-limit.ts. */
const FAILURES_MAX = 20;
const FORGET_SECONDS = 3;

/** sshd_config(5). Nothing but a key gets in, and nothing but the relay is run. */
export function renderSshdConfig({listen, port}: {readonly listen: string; readonly port: number}, {hostKey, authorizedKeys}: SshFiles): string {
  return [
    '# Written by flynn at each start.',
    `ListenAddress ${listen}:${port}`,
    `HostKey ${quoted(hostKey)}`,
    `AuthorizedKeysFile ${quoted(authorizedKeys)}`,
    `AllowUsers ${SSH_USER}`,
    'AuthenticationMethods publickey',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    'UsePAM no',
    // The folder above ours may be everybody's: a test's is in /tmp.
    'StrictModes no',
    'PidFile none',
    'UseDNS no',
    'DisableForwarding yes',
    'PermitTTY no',
    'PermitUserRC no',
    'PermitUserEnvironment no',
    'PrintMotd no',
    'PrintLastLog no',
    'AcceptEnv GIT_PROTOCOL',
    // Of somebody whose agent has many keys.
    'MaxAuthTries 20',
    'LoginGraceTime 20',
    'MaxStartups 20:30:60',
    `PerSourcePenalties authfail:${FORGET_SECONDS}s noauth:1s grace-exceeded:10s crash:90s min:${FAILURES_MAX * FORGET_SECONDS}s max:600s`,
    // A client that has vanished is noticed after two minutes.
    'ClientAliveInterval 30',
    'ClientAliveCountMax 4',
    // Says which keys were tried: see refused-logins.ts.
    'LogLevel VERBOSE',
    '',
  ].join('\n');
}

/** sshd(8), AUTHORIZED_KEYS FILE FORMAT: each key may run the relay under its own name, and nothing else. */
export function renderAuthorizedKeys(keys: Iterable<LoginKey>, {relay, socket}: SshFiles): string {
  const command = (fingerprint: string) => ['exec', '/usr/bin/perl', inShell(relay), inShell(socket), fingerprint].join(' ');
  return [...keys].toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1)).map(({type, blob, fingerprint}) => `restrict,command=${quoted(command(fingerprint))} ${type} ${blob}\n`).join('');
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`;
}

function inShell(word: string): string {
  return `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
