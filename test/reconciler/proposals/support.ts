import type {ExecutionContext} from 'ava';
import {accessOf, mayDo} from '../../../reconciler/access/access.ts';
import {ObjectReader} from '../../../reconciler/adapters/git-objects.ts';
import {OPERATOR, type Principal} from '../../../reconciler/api/authenticate.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import type {FollowedRepo} from '../../../reconciler/checkout/repo.ts';
import {ProposalDesk} from '../../../reconciler/proposals/desk.ts';
import type {ProposedRelease} from '../../../reconciler/proposals/record.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {bareRepo} from '../checkout/support.ts';
import {file, head} from '../../support/manifests.ts';

export const signal = AbortSignal.timeout(600_000);

/** Each with a role of his own. */
const PEOPLE = {vic: 'role: viewer', dee: 'apps: {shop: deployer}', max: 'apps: {shop: maintainer}', mia: 'apps: {shop: maintainer}', ada: 'role: admin'};

export interface Subject {
  readonly gitdir: string;
  readonly repo: FollowedRepo;
  readonly desk: ProposalDesk;
  /** What became of proposed releases. */
  readonly releases: string[];
  /** Events. */
  readonly told: string[];
  who(user: string): Principal;
  /** Main gives somebody other rights. Undefined: he goes. */
  become(user: string, yaml: string | undefined): void;
}

/** A cluster repository with people and an app, and its proposals. `cluster`: more lines of cluster.yaml. */
export async function subject(t: ExecutionContext, {cluster = '', files = {}, areCommitsSigned = false}: {readonly cluster?: string; readonly areCommitsSigned?: boolean; readonly files?: Readonly<Record<string, string>>} = {}): Promise<Subject> {
  const people = Object.fromEntries(Object.entries(PEOPLE).map(([user, more]) => [`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}\n`]));
  const all = {'cluster.yaml': `${head('Cluster')}name: home\ndomain: flynn.test\n${cluster}`, 'apps/shop/app.yaml': `${head('App')}services:\n  web:\n    replicas: 1\n  worker:\n    command: work\n    replicas: 1\n`, ...people, ...files};
  const gitdir = await bareRepo(t, all);
  const check = commitCheck({domain: () => 'flynn.test'});
  const repo = ownRepo({gitdir, check});
  const objects = new ObjectReader({gitdir});
  t.teardown(() => repo.close());
  t.teardown(() => objects.close());
  let {access} = accessOf(Object.entries(people).map(([path, text]) => file(path, text)));
  const [releases, told]: [string[], string[]] = [[], []];
  const say = (what: string) => ({app, createdAt}: ProposedRelease) => void releases.push(`${what} ${app} of ${createdAt}`);
  const desk = new ProposalDesk({
    gitdir, objects, repo, check, access: () => access, keepReleases: () => 3, areCommitsSigned: () => areCommitsSigned, wake: () => {}, tell: ({message, actor}) => void told.push(`${message} (${actor})`), log: (message, error) => t.log(message, error),
    deployer: {prepare: async (release, {number}) => say(`prepare v${number}`)(release), lookAfter: say('look after'), letGo: async (release) => say('let go')(release)},
  });
  return {
    gitdir, repo, desk, releases, told,
    become(user, yaml) {
      const changed = {...people, [`people/${user}.yaml`]: yaml === undefined ? undefined : `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${yaml}\n`};
      access = accessOf(Object.entries(changed).flatMap(([path, text]) => (text === undefined ? [] : [file(path, text)]))).access;
    },
    who: (user) => {
      const person = access.people.get(user);
      return {user: person === undefined ? OPERATOR : user, name: user, email: `${user}@example.com`, may: (right, app) => person === undefined || mayDo(person.roles, right, app)};
    },
  };
}
