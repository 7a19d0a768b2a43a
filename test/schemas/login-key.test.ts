import test from 'ava';
import {readLoginKey} from '../../schemas/login-key.ts';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINEQwNBTMvWcHUnJ/nlnM0fyYB98evtJcnVh7N8dJ3WR';
const SK = `sk-ssh-ed25519@openssh.com ${Buffer.concat(['sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 7), 'ssh:'].map(word)).toString('base64')}`;

test('a line of ~/.ssh/id_ed25519.pub is known by its fingerprint, with its comment', (t) => {
  t.deepEqual(readLoginKey(`${ED25519} ann lee@laptop\n`), {ok: true, value: {
    type: 'ssh-ed25519', blob: ED25519.split(' ')[1] ?? '', fingerprint: 'SHA256:c3Wadl9X0IdKUmH4utqSKCbuuikLF7s0sfg9VarScfY', comment: 'ann lee@laptop',
  }});
});

test('so is that of a security key', (t) => {
  t.like(readLoginKey(SK), {ok: true, value: {type: 'sk-ssh-ed25519@openssh.com', comment: ''}});
});

for (const [what, line, problem] of [
  ['options', `command="id",no-pty ${ED25519}`, /^has to begin with its type \(ssh-ed25519, .*\), without options before it/],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n', /^is a private key: never give that away/],
  ['two lines', `${ED25519}\n${ED25519}`, /^has to be one line/],
  ['DSA', 'ssh-dss AAAAB3NzaC1kc3M=', /^has to begin with its type/],
  ['half a key', ED25519.slice(0, -8), /^is cut off/],
  ['a key and more', `${ED25519}AAAA`, /^is cut off or changed/],
  ['another type than its own', ED25519.replace('ssh-ed25519', 'ssh-rsa'), /^is not the ssh-rsa key that it says it is/],
  ['nothing', '', /^has to begin with its type/],
] as const) {
  test(`${what} is no key to come in with`, (t) => {
    const read = readLoginKey(line);
    t.false(read.ok);
    t.regex(read.ok ? '' : read.problem, problem);
  });
}

function word(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
