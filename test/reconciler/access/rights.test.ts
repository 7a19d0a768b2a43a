import test from 'ava';
import {mayDo, type Roles} from '../../../reconciler/access/access.ts';
import {RIGHTS, type Right} from '../../../reconciler/access/rights.ts';
import {ROLES, type Role} from '../../../schemas/roles.ts';

// What each role may do, written down once more: a cell for each role for the cluster (v d m a), then for each role for the app (v d m). `x`: yes.

const TABLE = `
self.read         xxxx xxx
self.tokens       xxxx xxx
cluster.look      xxxx xxx
cluster.clone     xxxx xxx
cluster.propose   .xxx .xx
cluster.review    .xxx .xx
cluster.merge     .xxx .xx
app.read          xxxx xxx
app.logs          xxxx xxx
app.push          .xxx .xx
app.deploy        .xxx .xx
app.rollback      .xxx .xx
app.scale         .xxx .xx
app.restart       .xxx .xx
app.env.read      .xxx .xx
app.env.write     ..xx ..x
app.run           ..xx ..x
app.route         ..xx ..x
app.data          ..xx ..x
app.edit          ..xx ..x
app.create        ..xx ...
app.destroy       ..xx ...
cluster.plan      xxxx ...
cluster.operate   ...x ...
cluster.edit      ...x ...
people.read       xxxx ...
people.edit       ...x ...
audit.read        ...x ...`.trim().split('\n');

function cluster(role: Role): Roles {
  return {cluster: role, apps: new Map()};
}

function ofApp(role: Role): Roles {
  return {cluster: undefined, apps: new Map([['shop', role]])};
}

test('every right has a line in the table', (t) => {
  t.deepEqual(TABLE.map((line) => line.split(' ')[0]), Object.keys(RIGHTS));
});

for (const line of TABLE) {
  const [right = '', clusterCells = '', appCells = ''] = line.split(/ +/);
  const roles: readonly (readonly [string, Roles, string])[] = [
    ...ROLES.map((role, index) => [`${role} of the cluster`, cluster(role), clusterCells[index] ?? ''] as const),
    ...ROLES.slice(0, -1).map((role, index) => [`${role} of the app`, ofApp(role), appCells[index] ?? ''] as const),
  ];
  for (const [who, has, cell] of roles) {
    test(`a ${who} ${cell === 'x' ? 'may' : 'may not'} ${right}`, (t) => t.is(mayDo(has, right as Right, 'shop'), cell === 'x'));
  }
}

test('a role for one app is none for another', (t) => {
  t.false(mayDo(ofApp('maintainer'), 'app.read', 'blog'));
  t.false(mayDo(ofApp('maintainer'), 'app.read'));
});

test('who has no role may ask who he is, and nothing else', (t) => {
  const nobody: Roles = {cluster: undefined, apps: new Map()};
  t.deepEqual(Object.keys(RIGHTS).filter((right) => mayDo(nobody, right as Right, 'shop')), ['self.read', 'self.tokens']);
});
