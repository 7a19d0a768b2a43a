import test from 'ava';
import {formatRouteName, namesOfRoutes, parseRouteName} from '../../schemas/route-name.ts';

const reads = test.macro({
  exec: (t, typed: string, name: string) => {
    const parsed = parseRouteName(typed);
    t.is(parsed.ok ? formatRouteName(parsed.value) : parsed.problem, name);
  },
  title: (_, typed, name) => `${JSON.stringify(typed)} is ${name}`,
});
test(reads, 'shop.example.com', 'http:shop.example.com/');
test(reads, 'http:shop.example.com/api', 'http:shop.example.com/api');
test(reads, 'https://Shop.Example.com/api/', 'http:shop.example.com/api');
test(reads, '*.example.com', 'http:*.example.com/');
test(reads, '*', 'http:*/');
test(reads, 'bücher.example/Über', 'http:xn--bcher-kva.example/Über');
test(reads, 'shop.example.com/#2', 'http:shop.example.com/#2');
test(reads, '5432', 'tcp:5432');
test(reads, 'tcp:443/DB.example.com', 'tcp:443/db.example.com');
test(reads, 'tcp:db', 'tcp:db');
test(reads, 'tcp:5432/', '"tcp:5432/" can\'t name a route; they are named like shop.example.com/api, or tcp:5432');
test(reads, 'shop.example.com:8080', '"shop.example.com:8080" can\'t name a route; they are named like shop.example.com/api, or tcp:5432');
test(reads, '', '"" can\'t name a route');
test(reads, 'a\nFlynn-Operation: x', '"a\\nFlynn-Operation: x" can\'t name a route');

test('routes that differ in neither host nor path are counted', (t) => {
  const names = namesOfRoutes([{host: 'a.test'}, {host: 'a.test', path: '/x'}, {host: 'a.test', service: 'api'}]);
  t.deepEqual(names.map(formatRouteName), ['http:a.test/#1', 'http:a.test/x', 'http:a.test/#2']);
});
