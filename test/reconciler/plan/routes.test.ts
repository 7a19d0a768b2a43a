import test from 'ava';
import type {ServiceName} from '../../../schemas/ids.ts';
import {routing} from '../../../reconciler/plan/hosts.ts';
import type {RoutedPath} from '../../../reconciler/plan/app.ts';
import {SHOP} from '../../support/make.ts';

const TARGETS = [{address: '10.0.1.1', port: 80}];
const route = (host: string, more: Partial<RoutedPath> = {}): RoutedPath => ({host, path: '/', service: 'web' as ServiceName, app: SHOP, isHeld: false, targets: TARGETS, ...more});

test('a host without paths and options is a name and nothing else', (t) => {
  const {names, structure} = routing([route('a.test')]);
  t.deepEqual([[...names.keys()], structure], [['_http._tcp.a.test'], {hosts: []}]);
});

test('an option makes its host structure, with the app\'s pages where it has some', (t) => {
  const {names, structure} = routing([route('b.test', {options: {isCompressed: true}}), route('a.test', {errorPages: {'503': 'x'}}), route('c.test')]);
  t.deepEqual([...names.keys()], ['_http._tcp.c.test', '_svc._tcp.web.shop.flynn.internal']);
  t.deepEqual(structure, {
    hosts: [
      {host: 'a.test', paths: [{path: '/', name: '_svc._tcp.web.shop.flynn.internal', pagesOf: SHOP}]},
      {host: 'b.test', paths: [{path: '/', name: '_svc._tcp.web.shop.flynn.internal', options: {isCompressed: true}}]},
    ],
    pages: [{app: SHOP, hosts: ['a.test'], errorPages: {'503': 'x'}}],
  });
});

test('a host that two apps have is not one app\'s own', (t) => {
  const {structure} = routing([route('a.test', {errorPages: {maintenance: 'x'}}), route('a.test', {path: '/api', app: 'other' as typeof SHOP})]);
  t.deepEqual(structure.pages, [{app: SHOP, hosts: [], errorPages: {maintenance: 'x'}}]);
});
