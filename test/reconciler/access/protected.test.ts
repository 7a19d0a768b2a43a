import test from 'ava';
import {areReleasesReviewed, protectionOf, reviewed} from '../../../reconciler/access/protected.ts';
import {head} from '../../support/manifests.ts';

const CLUSTER = `${head('Cluster')}name: home\ndomain: flynn.test\n`;

function files(texts: Readonly<Record<string, string>>) {
  return (path: string) => texts[path];
}

test('patterns name paths as a shell does', (t) => {
  const {isProtected, approvals} = protectionOf(files({'cluster.yaml': `${CLUSTER}review: {approvals: 2, paths: ["apps/shop/**", "people/*", "{cluster,nodes/a}.yaml"]}\n`}));
  t.is(approvals, 2);
  for (const path of ['apps/shop/app.yaml', 'apps/shop/releases/v0001.yaml', 'people/ann.yaml', 'cluster.yaml', 'nodes/a.yaml']) t.true(isProtected(path), path);
  for (const path of ['apps/shop', 'apps/shopping/app.yaml', 'people/more/ann.yaml', 'teams/web.yaml', 'nodes/b.yaml']) t.false(isProtected(path), path);
});

test('without a word of it nothing is protected, and with a wrong one everything', (t) => {
  t.false(protectionOf(files({'cluster.yaml': CLUSTER})).isProtected('cluster.yaml'));
  t.false(protectionOf(files({'cluster.yaml': 'kind: [\n'})).isProtected('cluster.yaml'));
  t.true(protectionOf(files({'cluster.yaml': `${CLUSTER}review: {paths: yes}\n`})).isProtected('apps/blog/app.yaml'));
});

test('an app protects its own releases', (t) => {
  const read = files({'cluster.yaml': CLUSTER, 'apps/shop/app.yaml': `${head('App')}review: required\n`, 'apps/blog/app.yaml': head('App')});
  t.true(areReleasesReviewed('shop', read));
  t.false(areReleasesReviewed('blog', read));
  t.false(areReleasesReviewed('nothing', read));
  t.false(protectionOf(read).isProtected('apps/shop/app.yaml'));
});

test('an edit of what is protected is refused, be it a file or all of a folder', (t) => {
  const read = files({'cluster.yaml': `${CLUSTER}review: {paths: ["apps/*/secrets.yaml"]}\n`});
  const list = (folder: string) => ({apps: ['shop'], 'apps/shop': ['app.yaml', 'secrets.yaml']})[folder] ?? [];
  const message = 'apps/shop/secrets.yaml takes a review: propose it instead, with --propose';
  t.throws(() => reviewed(() => ({'apps/shop/secrets.yaml': 'x'}))(read, list), {message});
  t.throws(() => reviewed(() => ({'apps/shop': undefined}))(read, list), {message});
  t.deepEqual(reviewed(() => ({'apps/shop/app.yaml': 'x'}))(read, list), {'apps/shop/app.yaml': 'x'});
});
