import test from 'ava';
import {accessOf, mayDo, refusalOf} from '../../../reconciler/access/access.ts';
import {needOf} from '../../../reconciler/access/paths.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import {file, head} from '../../support/manifests.ts';

const HASH = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;

function person(user: string, more = ''): ReturnType<typeof file> {
  return file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}`);
}

function team(name: string, text: string): ReturnType<typeof file> {
  return file(`teams/${name}.yaml`, `${head('Team')}${text}`);
}

test('roles of teams join those of the person, the higher one counting', (t) => {
  const {access, problems} = accessOf([
    person('ann', 'role: viewer\napps: {shop: deployer, blog: maintainer}\n'), person('bob'),
    team('web', 'members: [ann, bob]\napps: {shop: maintainer, blog: viewer}\n'), team('ops', 'members: [bob]\nrole: admin\n'),
  ]);
  t.deepEqual(problems, []);
  t.deepEqual(access.people.get('ann')?.roles, {cluster: 'viewer', apps: new Map([['shop', 'maintainer'], ['blog', 'maintainer']])});
  t.deepEqual(access.people.get('bob')?.roles, {cluster: 'admin', apps: new Map([['shop', 'maintainer'], ['blog', 'viewer']])});
});

test('a token is good for what its owner may, less its own limits', (t) => {
  const {access} = accessOf([person('ann', `role: admin\napps: {shop: deployer}\ntokens:\n  all: {hash: "${HASH}"}\n  ci: {hash: "${OTHER}", role: deployer, apps: [shop], expires: 2027-01-31}\n`)]);
  t.like(access.tokens.get(HASH), {user: 'ann', name: 'all', isLimited: false, roles: {cluster: 'admin'}});
  const ci = access.tokens.get(OTHER);
  t.like(ci, {isLimited: true, expiresAtMs: Date.parse('2027-01-31T23:59:59Z'), roles: {cluster: undefined, apps: new Map([['shop', 'deployer']])}});
  t.true(ci !== undefined && mayDo(ci.roles, 'app.push', 'shop') && !mayDo(ci.roles, 'app.edit', 'shop') && !mayDo(ci.roles, 'app.push', 'blog') && !mayDo(ci.roles, 'cluster.edit'));
});

test('an app\'s token gives no role that its owner does not have', (t) => {
  const {access} = accessOf([person('bob', `tokens: {ci: {hash: "${HASH}", role: maintainer, apps: [shop]}}\n`)]);
  t.deepEqual(access.tokens.get(HASH)?.roles, {cluster: undefined, apps: new Map()});
});

test('what is wrong is told with its place, and keeps nobody else out', (t) => {
  const {access, problems} = accessOf([
    person('ann', `tokens: {x: {hash: "${HASH}"}}\n`), person('bob', `role: king\n`), person('eve', `apps: {shop: admin}\ntokens: {y: {hash: "${HASH}"}}\n`), person('Zoe'), person('operator', 'role: admin\n'),
    person('dan', `tokens:\n  x: {hash: "${HASH}"}\n  late: {hash: "${OTHER}", expires: 2027-02-31}\n`), person('fay', `tokens: {x: {hash: "${HASH}"}}\n`),
    team('web', 'members:\n  - ann\n  - nobody\n'),
  ]);
  t.deepEqual([...access.people.keys()], ['ann', 'fay']);
  t.is(access.tokens.get(HASH)?.user, 'ann', 'whoever is second does not become the first');
  t.deepEqual(problems.map(formatDiagnostic).toSorted(), [
    'people/Zoe.yaml:1:1: "Zoe" can\'t name a person: it must be small letters, digits and inner dashes, at most 30 characters',
    'people/bob.yaml:5:7: role must be a role: viewer, deployer, maintainer, admin, not "king"',
    'people/dan.yaml:7:100: "2027-02-31" is no day of the calendar',
    'people/eve.yaml:5:14: apps.shop must be a role for an app: viewer, deployer, maintainer (an admin is one of the whole cluster: `role: admin`), not "admin"',
    'people/fay.yaml:5:21: token "x" is one of ann too: whose would it be?',
    'people/operator.yaml:1:1: nobody can be called "operator": that is who has the node\'s own token',
    'teams/web.yaml:5:5: team "web" has the member "nobody", whom no file people/nobody.yaml tells of',
  ]);
});

test('a refusal says what it would take', (t) => {
  t.is(refusalOf({user: 'ann', token: 'laptop', isLimited: false}, 'app.scale', 'shop'), 'ann may not scale it (shop): that takes the role deployer for the app or the cluster');
  t.is(refusalOf({user: 'ann'}, 'people.edit'), 'ann may not change people and teams: that takes the role admin for the cluster');
  t.is(refusalOf({user: 'ann', token: 'ci', isLimited: true}, 'people.edit'), 'ann, with the limited token "ci", may not change people and teams: that takes the role admin for the cluster');
});

const needs = test.macro<[string, string, {before?: boolean; after?: boolean}?]>((t, path, expected, {before = true, after = true} = {}) => {
  const {right, app} = needOf({path, before, after});
  t.is([right, app].filter((word) => word !== undefined).join(' '), expected);
});
test('people are changed by who may change people', needs, 'people/ann.yaml', 'people.edit');
test('teams too', needs, 'teams/web.yaml', 'people.edit');
test('app.yaml is the maintainers\'', needs, 'apps/shop/app.yaml', 'app.edit shop');
test('secrets take the right to write them', needs, 'apps/shop/secrets.yaml', 'app.env.write shop');
test('a release is a deploy', needs, 'apps/shop/releases/v0002.yaml', 'app.deploy shop');
test('an app that was not there is created', needs, 'apps/shop/releases/v0001.yaml', 'app.create shop', {before: false});
test('an app that is there no more is destroyed', needs, 'apps/shop/secrets.yaml', 'app.destroy shop', {after: false});
test('everything else holds for the cluster', needs, 'cluster.yaml', 'cluster.edit');
test('also a file beside the apps', needs, 'apps/README.md', 'cluster.edit');
test('also what only looks like an app', needs, 'Apps/shop/app.yaml', 'cluster.edit');
