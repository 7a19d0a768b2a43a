import test from 'ava';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import {addTeam, changeMembers, changeRoles, removeTeam, type RoleChanges} from '../../../reconciler/commits/team-edits.ts';
import {head} from '../../support/manifests.ts';
import {runOn} from '../../support/edit.ts';

const FILE = 'teams/web.yaml';

const members = test.macro<[string, Parameters<typeof changeMembers>[1], string | undefined]>((t, before, changes, after) => {
  const start = head('Team');
  t.is(runOn({[FILE]: start + before}, changeMembers('web', changes))[FILE]?.slice(start.length), after);
});
const roles = test.macro<[string, RoleChanges, string | undefined]>((t, before, changes, after) => {
  const start = `${head('Team')}members: [ann]\n`;
  t.is(runOn({[FILE]: start + before}, changeRoles({kind: 'Team', name: 'web'}, changes))[FILE]?.slice(start.length), after);
});

test('a new member stands behind the others, in their line', members, 'members: [ann, bob] # us\n', {add: ['eve']}, 'members: [ann, bob, eve] # us\n');
test('or below them', members, 'members:\n  - ann # boss\n  - bob\nrole: viewer\n', {add: ['eve', 'max']}, 'members:\n  - ann # boss\n  - bob\n  - eve\n  - max\nrole: viewer\n');
test('a member goes with the line', members, 'members:\n  - ann # boss\n  - bob\n', {remove: ['ann']}, 'members:\n  - bob\n');
test('the last one leaves an empty list', members, 'members: [ann]\nrole: viewer\n', {remove: ['ann']}, 'role: viewer\nmembers: []\n');
test('an empty list gets its first', members, 'members: []\n', {add: ['ann']}, 'members: [ann]\n');
test('one goes, and one comes', members, 'members: [ann, bob]\n', {add: ['eve'], remove: ['ann']}, 'members: [bob, eve]\n');
test('all are replaced', members, 'members: [ann]\nrole: viewer\n', {add: ['eve'], remove: ['ann']}, 'role: viewer\nmembers: ["eve"]\n');
test('who is in it already stays, and who is not stays out', members, 'members: [ann]\n', {add: ['ann'], remove: ['eve']}, undefined);

test('a role for an app is one line', roles, 'apps:\n  shop: deployer # for now\n', {apps: {shop: 'maintainer', blog: 'viewer'}}, 'apps:\n  shop: "maintainer" # for now\n  blog: "viewer"\n');
test('the last role for an app takes the mapping along', roles, 'apps: {shop: deployer}\nrole: viewer\n', {apps: {shop: null}}, 'role: viewer\n');
test('a role for the cluster comes and goes', roles, 'role: viewer\napps: {shop: deployer}\n', {role: null, apps: {blog: 'viewer'}}, 'apps: {blog: "viewer", shop: deployer}\n');
test('a role that is so already is no change', roles, 'role: viewer\n', {role: 'viewer', apps: {shop: null}}, undefined);

test('a team is made once, and removed as a file', (t) => {
  const wish = {members: ['ann', 'bob'], role: 'viewer', apps: {shop: 'deployer'}} as const;
  const text = runOn({}, addTeam('web', wish))[FILE] ?? '';
  t.is(text, `# yaml-language-server: $schema=../.flynn/schemas/team.schema.json\n${head('Team')}members: [ann, bob]\nrole: viewer\napps:\n  shop: deployer\n`);
  t.throws(() => runOn({[FILE]: text}, addTeam('web', wish)), {instanceOf: EditRefused, message: 'there is a team "web" already: teams/web.yaml'});
  t.deepEqual(runOn({[FILE]: text}, removeTeam('web')), {[FILE]: undefined});
  t.throws(() => runOn({}, removeTeam('web')), {message: 'there is no team "web": no file teams/web.yaml'});
  t.throws(() => runOn({}, addTeam('web', {members: [], role: 'boss' as never})), {message: /must be a role/});
});

test('a person\'s roles are changed as a team\'s', (t) => {
  const file = 'people/ann.yaml';
  const text = `${head('Person')}name: Ann\nemail: ann@example.com\nrole: viewer\n`;
  t.is(runOn({[file]: text}, changeRoles({kind: 'Person', name: 'ann'}, {role: 'admin', apps: {shop: 'deployer'}}))[file], `${text.replace('viewer', '"admin"')}apps:\n  shop: "deployer"\n`);
  t.throws(() => runOn({[file]: text}, changeRoles({kind: 'Person', name: 'ann'}, {apps: {shop: 'admin' as never}})), {message: /must be a role for an app/});
});
