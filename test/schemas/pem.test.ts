import {generateKeyPairSync} from 'node:crypto';
import test from 'ava';
import {isKeyOf, readChain} from '../../schemas/pem.ts';
import {EXAMPLE_CHAIN} from '../support/example-chain.ts';

const [LEAF = '', AUTHORITY = ''] = EXAMPLE_CHAIN.match(/-----BEGIN[\s\S]+?END CERTIFICATE-----\n/g) ?? [];

test('a chain says whom it is for, by whom and until when', (t) => {
  const chain = readChain(EXAMPLE_CHAIN);
  if (!chain.ok) throw new Error(chain.problem);
  const {hosts, issuer, notBeforeMs, notAfterMs, pem} = chain.value;
  t.deepEqual({hosts, issuer, pem}, {hosts: ['*.example.com', 'example.com'], issuer: 'Example Authority', pem: EXAMPLE_CHAIN});
  t.true(notBeforeMs < notAfterMs);
});

test('the same certificates are the same chain, whatever is around them', (t) => {
  const [one, other] = [readChain(EXAMPLE_CHAIN), readChain(`Certificate:\n  Data: …\n${EXAMPLE_CHAIN.replaceAll('\n', '\r\n')}\n\n`)];
  t.deepEqual(one, other);
});

const isRefused = test.macro({
  exec(t, pem: string, problem: RegExp) {
    const chain = readChain(pem);
    t.regex(chain.ok ? 'it was taken' : chain.problem, problem);
  },
  title: (what) => `a chain is refused ${what}`,
});

test('in disorder', isRefused, AUTHORITY + LEAF, /^1 of its chain is signed by "Example Authority", and not by "\*\.example\.com", which follows/);
test('with one that belongs to no other', isRefused, LEAF + LEAF, /^1 of its chain is signed by "Example Authority"/);
test('that is an authority\'s only', isRefused, AUTHORITY, /^names no host \(subjectAltName\)$/);
test('that is damaged', isRefused, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /^is damaged/);
test('that is none', isRefused, 'hello', /^is none: it has to be PEM/);
test('that is too long', isRefused, LEAF.repeat(21), /^has 21 parts: a chain has at most 20$/);

test('another key is not that of the certificate, nor is a text', (t) => {
  const {privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256', privateKeyEncoding: {type: 'pkcs8', format: 'pem'}, publicKeyEncoding: {type: 'spki', format: 'pem'}});
  t.false(isKeyOf(privateKey, EXAMPLE_CHAIN));
  t.false(isKeyOf('hello', EXAMPLE_CHAIN));
});
