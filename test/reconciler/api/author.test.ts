import test from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {encodeAuthor, parseAuthor} from '../../../reconciler/api/author.ts';

const reads = test.macro<[string, {readonly name: string; readonly email: string} | undefined]>({
  exec(t, text, expected) {
    t.deepEqual(parseAuthor(text), expected);
  },
  title: (_, text, expected) => `${JSON.stringify(text.slice(0, 60))} is ${expected?.name === undefined ? 'no author' : `${expected.name} at ${expected.email}`}`,
});

test(reads, 'Ann Lee <ann@example.com>', {name: 'Ann Lee', email: 'ann@example.com'});
test(reads, 'Ann%20Lee%20%3Cann%40example.com%3E', {name: 'Ann Lee', email: 'ann@example.com'});
test(reads, '  Ann <ann@example.com>  ', {name: 'Ann', email: 'ann@example.com'});
test(reads, 'ann@example.com', {name: 'ann@example.com', email: 'ann@example.com'});
test(reads, '100% Ann <ann@example.com>', {name: '100% Ann', email: 'ann@example.com'});
test(reads, 'Zo%C3%AB <z@example.com>', {name: 'Zoë', email: 'z@example.com'});
test(reads, 'ann', undefined);
test(reads, '', undefined);
test(reads, '<ann@example.com>', undefined);
test(reads, 'Ann <ann@example.com> <other@example.com>', undefined);
test(reads, 'Ann%0Acommitter Eve <eve@example.com>', undefined);
test(reads, 'Ann <ann@exa mple.com>', undefined);
test(reads, 'Ann <>', undefined);
test(reads, `${'a'.repeat(201)} <ann@example.com>`, undefined);

test('what is encoded is read back, with names from any alphabet', (t) => {
  for (const author of [{name: 'Zoë Ångström: 50%', email: 'z@example.com'}, {name: '李雷', email: 'li@example.com'}]) {
    t.regex(encodeAuthor(author), /^[\x21-\x7e]+$/);
    t.false(encodeAuthor(author).includes(':'));
    t.deepEqual(parseAuthor(encodeAuthor(author)), author);
  }
});

const OPERATOR = {name: 'operator', email: 'operator@flynn.localhost'};
const ANN = {name: 'Ann Lee', email: 'ann@example.com'};
const authenticate = createAuthenticate({token: 'right:token', operator: OPERATOR});
const basic = (user: string, token: string) => `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`;

test('the bearer of the token is the operator', (t) => {
  t.like(authenticate({authorization: 'Bearer right:token'}), OPERATOR);
  t.like(authenticate({authorization: 'bearer right:token'}), OPERATOR);
});

test('the token is right as the password of git, and the user name is the author', (t) => {
  t.like(authenticate({authorization: basic('Ann%20Lee%20%3Cann%40example.com%3E', 'right:token')}), ANN);
  t.like(authenticate({authorization: basic('git', 'right:token')}), OPERATOR);
});

test('a header names the author', (t) => {
  t.like(authenticate({authorization: 'Bearer right:token', 'x-flynn-author': encodeAuthor(ANN)}), ANN);
  t.like(authenticate({authorization: 'Bearer right:token', 'x-flynn-author': 'nonsense'}), OPERATOR);
});

test('nobody else is let in, whatever name they give', (t) => {
  const wrong = [undefined, '', 'Bearer', 'Bearer ', 'Bearer wrong', 'Bearer right:toke', 'Bearer right:token2', basic('', ''), basic('right:token', ''), 'Basic !!!', basic('ann', 'wrong'), 'Digest right:token'];
  for (const authorization of wrong) {
    t.is(authenticate({...(authorization === undefined ? {} : {authorization}), 'x-flynn-author': encodeAuthor(ANN)}), undefined, String(authorization));
  }
});

test('an empty token is a bug, not an open door', (t) => {
  t.throws(() => createAuthenticate({token: '', operator: OPERATOR}), {message: /^bug: /});
});
