import test from 'ava';
import {accessOf} from '../../../reconciler/access/access.ts';
import {audiencesAt, issuersIn, ownerOf} from '../../../reconciler/access/identities.ts';
import {peopleDifference} from '../../../reconciler/desired/people-difference.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import {cluster, file, head} from '../../support/manifests.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';
const LOGIN = 'https://login.example.com';
const API = 'https://api.flynn.localhost';

const CLUSTER = cluster(`oidc: {issuer: ${LOGIN}, clientId: flynn}\n`);

function person(user: string, oidc: string, more = 'role: deployer\n'): ReturnType<typeof file> {
  return file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}oidc:\n${oidc.split('\n').map((line) => `  - ${line}\n`).join('')}`);
}

function whose(files: Parameters<typeof accessOf>[0], claims: {issuer?: string; subject: string; audience?: string}): string {
  const {access: {identities}} = accessOf(files);
  const owner = ownerOf({issuer: LOGIN, audience: 'flynn', ...claims}, identities);
  return owner.ok ? owner.value.user : `nobody: ${owner.problem}`;
}

test('a subject of the cluster\'s provider is the person whose file has it, for its client only', (t) => {
  const files = [CLUSTER, person('ann', '{subject: "2001"}'), person('bob', '{subject: b*}')];
  t.is(whose(files, {subject: '2001'}), 'ann');
  t.is(whose(files, {subject: 'b*'}), 'bob', 'a star is a star there');
  t.is(whose(files, {subject: 'bea'}), `nobody: nobody in people/ is "bea" at ${LOGIN}; an admin can say who it is: flynn people identity add <user> 'bea'`);
  t.regex(whose(files, {subject: '2001', audience: 'other'}), /^nobody: /);
  t.regex(whose(files, {subject: '2001', issuer: GITHUB}), new RegExp(`^nobody: .* --issuer ${GITHUB}$`));
  t.true(accessOf(files).access.identities.all.every(({isLimited}) => !isLimited), 'whoever signs in is himself');
});

test('a job is known by issuer, subject and audience, and is good for less than its person', (t) => {
  const {access: {identities}, problems} = accessOf([CLUSTER, person('ci', `{issuer: ${GITHUB}, subject: "repo:acme/shop:ref:refs/heads/main", role: deployer, apps: [shop]}\n{issuer: ${GITHUB}, subject: "repo:acme/blog:ref:refs/heads/main", audience: blog}`, 'role: maintainer\n')]);
  t.deepEqual(problems, []);
  t.deepEqual(identities.all.map(({audience, isLimited, roles}) => ({audience, isLimited, cluster: roles.cluster, apps: [...roles.apps]})), [
    {audience: API, isLimited: true, cluster: undefined, apps: [['shop', 'deployer']]},
    {audience: 'blog', isLimited: true, cluster: 'maintainer', apps: []},
  ]);
  t.deepEqual(audiencesAt(GITHUB, identities), [API, 'blog']);
  t.deepEqual(audiencesAt(LOGIN, identities), ['flynn'], 'whoever signs in first is told what he is called');
  t.deepEqual(issuersIn(identities), [LOGIN, GITHUB]);
});

test('a star stands for anything but a colon, and what is written out counts first', (t) => {
  const files = [CLUSTER, person('ci', `{issuer: ${GITHUB}, subject: "repo:acme/shop:ref:refs/heads/*"}`), person('boss', `{issuer: ${GITHUB}, subject: "repo:acme/shop:ref:refs/heads/main"}`)];
  const at = (subject: string) => whose(files, {issuer: GITHUB, audience: API, subject});
  t.is(at('repo:acme/shop:ref:refs/heads/feature/a'), 'ci');
  t.is(at('repo:acme/shop:ref:refs/heads/main'), 'boss');
  for (const other of ['repo:acme/shop:ref:refs/heads/a:b', 'repo:acme/shop-evil:ref:refs/heads/a', 'repo:evil/repo:acme/shop:ref:refs/heads/a', 'repo:acme/shop:ref:refs/heads']) t.regex(at(other), /^nobody/, other);
});

test('patterns of two people that fit the same job let neither in', (t) => {
  const files = [CLUSTER, person('ann', `{issuer: ${GITHUB}, subject: "repo:acme/shop:ref:refs/*"}`), person('bob', `{issuer: ${GITHUB}, subject: "repo:acme/shop:ref:*"}`)];
  t.is(whose(files, {issuer: GITHUB, audience: API, subject: 'repo:acme/shop:ref:refs/heads/main'}), `nobody: "repo:acme/shop:ref:refs/heads/main" at ${GITHUB} could be ann or bob: their patterns overlap`);
});

test('what is wrong is told with its place', (t) => {
  const {access, problems} = accessOf([
    cluster(), person('ann', '{subject: "2001"}'), person('bea', `{issuer: ${GITHUB}, subject: "repo:a/b:x"}`), person('bob', `{issuer: ${GITHUB}, subject: "repo:a/b:x"}`),
    person('cat', `{issuer: ${GITHUB}, subject: "repo:*:ref:refs/heads/main"}\n{issuer: "http://keys.example.com", subject: x}\n{subject: y, audience: z}\n{issuer: ${GITHUB}, subject: "a:b:*:*"}`), person('dan', '{subject: 2001}'),
  ]);
  t.deepEqual(access.identities.all.map(({user}) => user), ['bea']);
  t.deepEqual(problems.map(formatDiagnostic).toSorted(), [
    'people/ann.yaml:7:16: whose subject is "2001"? cluster.yaml has no oidc, so it takes an issuer',
    `people/bob.yaml:7:69: the subject "repo:a/b:x" is one of bea too: whose would it be?`,
    'people/cat.yaml:10:68: oidc.3.subject may have one "*", behind its second colon, as in "repo:acme/shop:ref:refs/heads/*": others than you mean could come in',
    'people/cat.yaml:7:68: oidc.0.subject may have one "*", behind its second colon, as in "repo:acme/shop:ref:refs/heads/*": others than you mean could come in',
    'people/cat.yaml:8:14: oidc.1.issuer has to be https://: its keys would come in the clear',
    'people/cat.yaml:9:28: oidc.2.audience is for tokens of another issuer: say which one',
    'people/dan.yaml:7:15: oidc.0.subject must be a text, the `sub` claim of the tokens; quote it when it has digits only, not "2001"',
  ]);
});

test('a proposal says who comes in by another way', (t) => {
  const before = [CLUSTER, person('ann', '{subject: "2001"}')];
  const after = [CLUSTER, person('ann', `{subject: "2002"}\n{issuer: ${GITHUB}, subject: "repo:a/b:x", apps: [shop]}`)];
  t.deepEqual(peopleDifference(before, after), [
    `ann: is no longer "2001" at ${LOGIN} for flynn`, `ann: is "2002" at ${LOGIN} for flynn`, `ann: is "repo:a/b:x" at ${GITHUB} for ${API} (deployer of shop)`,
  ]);
});
