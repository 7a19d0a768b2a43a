import test from 'ava';
import {authorityOf, covers, internalPatterns, servedFor} from '../../../reconciler/router/domains.ts';

const who = test.macro({
  exec(t, host: string, expected: 'internal' | 'acme' | 'none') {
    t.is(authorityOf(host, ['corp.example.com']), expected);
  },
  title: (_, host, expected) => `${host} is certified by ${expected}`,
});

test(who, 'shop.example.com', 'acme');
test(who, 'example.com', 'acme');
test(who, 'corp.example.com', 'internal');
test(who, 'wiki.corp.example.com', 'internal');
test(who, 'notcorp.example.com', 'acme');
test(who, 'shop.flynn.localhost', 'internal');
test(who, 'printer.local', 'internal');
test(who, 'router.home.arpa', 'internal');
test(who, 'intranet', 'internal');
test(who, '10.0.0.5', 'none');
test(who, '*.example.com', 'none');
test(who, '*', 'none');
test(who, '*.flynn.localhost', 'internal');
test(who, 'a.b.c.d.e.f.g.localhost', 'none');

test('Caddy\'s patterns match exactly the hosts of the internal authority', (t) => {
  const patterns = new Set(internalPatterns(['corp.example.com']));
  // certmagic 0.17, MatchWildcard: labels from the left are replaced by stars one by one.
  const isMatched = (host: string) => {
    const labels = host.split('.');
    return patterns.has(host) || labels.some((_, index) => patterns.has(labels.map((label, at) => (at <= index ? '*' : label)).join('.')));
  };
  for (const host of ['shop.flynn.localhost', 'a.b.c.d.e.f.localhost', 'localhost', 'corp.example.com', 'wiki.corp.example.com', 'x.y.corp.example.com', 'intranet', 'router.home.arpa']) {
    t.true(isMatched(host), host);
    t.is(authorityOf(host, ['corp.example.com']), 'internal', host);
  }
  for (const host of ['example.com', 'shop.example.com', 'a.b.c.d.e.f.g.localhost', 'home.arpa.example.com', 'notcorp.example.com']) t.false(isMatched(host), host);
});

test('a wildcard covers one label, and not the domain itself', (t) => {
  t.true(covers(['*.example.com'], 'a.example.com'));
  t.false(covers(['*.example.com'], 'example.com'));
  t.false(covers(['*.example.com'], 'a.b.example.com'));
  t.true(covers(['a.example.com'], 'a.example.com'));
});

test('of several certificates a host has the one for just itself, then the one that lasts longest', (t) => {
  const certificates = [
    {name: '_', hosts: ['*.example.com'], notAfterMs: 9}, {name: 'a', hosts: ['a.example.com'], notAfterMs: 1},
    {name: 'b', hosts: ['a.example.com', 'b.example.com'], notAfterMs: 3}, {name: 'c', hosts: ['a.example.com'], notAfterMs: 2},
  ];
  t.is(servedFor('a.example.com', certificates)?.name, 'b');
  t.is(servedFor('c.example.com', certificates)?.name, '_');
  t.is(servedFor('example.com', certificates), undefined);
});
