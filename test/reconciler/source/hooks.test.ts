import {createHmac} from 'node:crypto';
import test from 'ava';
import {branchOfHook} from '../../../reconciler/source/hook-body.ts';
import {isSigned} from '../../../reconciler/source/signature.ts';
import type {HookRequest} from '../../../reconciler/source/status.ts';

const SECRET = 'It\'s a Secret to Everybody';
const BODY = Buffer.from('Hello, World!');
const MAC = createHmac('sha256', SECRET).update(BODY).digest('hex');

test('the example of GitHub\'s documentation is signed', (t) => {
  // docs.github.com, "Validating webhook deliveries", testing the webhook payload validation.
  t.is(MAC, '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17');
  t.true(isSigned({headers: {'x-hub-signature-256': `sha256=${MAC}`}, body: BODY}, SECRET));
});

test('the example of Standard Webhooks, with which GitLab signs, is signed', (t) => {
  const headers = {'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='};
  const [body, secret] = [Buffer.from('{"test": 2432232314}'), 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];
  t.true(isSigned({headers, body}, secret));
  t.false(isSigned({headers: {...headers, 'webhook-id': 'another'}, body}, secret));
  t.false(isSigned({headers: {...headers, 'webhook-timestamp': '1614265331'}, body}, secret));
  t.false(isSigned({headers, body: Buffer.from('{"test": 1}')}, secret));
  t.false(isSigned({headers, body}, 'whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw'));
});

const cases: readonly (readonly [string, HookRequest['headers'], boolean])[] = [
  ['GitHub\'s signature', {'x-hub-signature-256': `sha256=${MAC}`}, true],
  ['Gitea\'s signature', {'x-gitea-signature': MAC}, true],
  ['GitLab\'s token', {'x-gitlab-token': SECRET}, true],
  ['no header', {}, false],
  ['a signature without its algorithm', {'x-hub-signature-256': MAC}, false],
  ['another signature', {'x-hub-signature-256': `sha256=${'0'.repeat(64)}`}, false],
  ['an empty signature', {'x-hub-signature-256': '', 'x-gitea-signature': '', 'x-gitlab-token': ''}, false],
  ['the signature as a token', {'x-gitlab-token': MAC}, false],
  ['the secret as a signature', {'x-gitea-signature': SECRET}, false],
  ['two of them', {'x-gitlab-token': [SECRET, SECRET]}, false],
];
for (const [title, headers, isTrue] of cases) {
  test(`${title} is ${isTrue ? 'believed' : 'not believed'}`, (t) => {
    t.is(isSigned({headers, body: BODY}, SECRET), isTrue);
  });
}

test('a body that was changed is not believed, and neither is anything without a secret', (t) => {
  t.false(isSigned({headers: {'x-hub-signature-256': `sha256=${MAC}`}, body: Buffer.from('Hello, World?')}, SECRET));
  t.false(isSigned({headers: {'x-gitlab-token': ''}, body: BODY}, ''));
});

test('the branch of a push is read as each host writes it', (t) => {
  const branch = (event: unknown) => branchOfHook(Buffer.from(JSON.stringify(event)));
  t.is(branch({ref: 'refs/heads/main', after: 'f'.repeat(40), repository: {}}), 'main');
  t.is(branch({object_kind: 'push', ref: 'refs/heads/release/2'}), 'release/2');
  t.is(branchOfHook(Buffer.from(`payload=${encodeURIComponent('{"ref":"refs/heads/main"}')}`)), 'main');
  t.is(branch({ref: 'refs/tags/v1'}), undefined);
  t.is(branch({zen: 'Keep it logically awesome.'}), undefined);
  t.is(branch(null), undefined);
  t.is(branch({ref: 7}), undefined);
  t.is(branchOfHook(Buffer.from('no JSON')), undefined);
});
