import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, type Kind, type Manifests} from '../../schemas/load.ts';
import {NAME_PATTERN} from '../../schemas/names.ts';
import {expiryMs} from '../../schemas/person.ts';
import {higherRole, isEnough, lowerRole, type Role} from '../../schemas/roles.ts';
import {readLoginKey, type LoginKey} from '../../schemas/login-key.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {clusterOf, identitiesOf, type Identities} from './identities.ts';
import {RIGHTS, type Right, type Rule} from './rights.ts';

/** Everybody who may do something, with all roles that he has by himself and by his teams. */
export interface Access {
  readonly people: ReadonlyMap<string, Person>;
  /** By the hash of the token. */
  readonly tokens: ReadonlyMap<string, Token>;
  /** By the fingerprint of the key. */
  readonly sshKeys: ReadonlyMap<string, OwnedKey>;
  /** Who they are at identity providers. */
  readonly identities: Identities;
}

/** A key that its owner may do with whatever he may. */
export interface OwnedKey extends LoginKey {
  readonly user: string;
}

export interface Person {
  readonly user: string;
  readonly name: string;
  readonly email: string;
  readonly roles: Roles;
}

export interface Roles {
  /** For the whole cluster. */
  readonly cluster: Role | undefined;
  readonly apps: ReadonlyMap<string, Role>;
}

export interface Token {
  readonly user: string;
  readonly name: string;
  /** As of the person, less what the token is not good for. */
  readonly roles: Roles;
  /** It is good for less, or for a shorter time, than its owner: it must not make another one that is good for more. */
  readonly isLimited: boolean;
  /** Milliseconds since 1970. Absent: never. */
  readonly expiresAtMs?: number;
}

/** Nobody but the operator, who has the node's own token. */
export const NOBODY: Access = {people: new Map(), tokens: new Map(), sshKeys: new Map(), identities: {all: []}};

const FILE = /^(people|teams)\/([^/]+)\.yaml$/;

/**
 * Who may do what, by the files below `people/` and `teams/`. A file that is wrong counts for nothing and is told of; of the others all counts.
 * Pure.
 */
export function accessOf(files: readonly ManifestFile[]): {readonly access: Access; readonly problems: readonly Diagnostic[]} {
  const problems: Diagnostic[] = [];
  const people = loadAll('Person', files.filter(({path}) => path.startsWith('people/')), problems);
  const teams = loadAll('Team', files.filter(({path}) => path.startsWith('teams/')), problems);
  for (const [team, {file, manifest}] of teams) {
    for (const member of manifest.members.filter((name) => !people.has(name) && !files.some(({path}) => path === `people/${name}.yaml`))) {
      problems.push({file, ...placeOf(file, files, member), message: `team "${team}" has the member "${member}", whom no file people/${member}.yaml tells of`});
    }
  }
  const resolved = new Map([...people].map(([user, {manifest: {name, email, role, apps = {}}}]): [string, Person] => {
    const shares = [...teams.values()].filter(({manifest}) => manifest.members.includes(user)).map(({manifest}) => manifest);
    return [user, {user, name, email, roles: {
      cluster: shares.reduce<Role | undefined>((all, team) => higherRole(all, team.role), role),
      apps: merged([apps, ...shares.map((team) => team.apps ?? {})]),
    }}];
  }));
  const tokens = new Map([...people].flatMap(([user, {file, manifest}]) => Object.entries(manifest.tokens ?? {}).map(([name, {hash, expires, ...limits}]): [string, Token] => {
    const rival = [...people].find(([other, {manifest: theirs}]) => other < user && Object.values(theirs.tokens ?? {}).some((token) => token.hash === hash));
    if (rival !== undefined) problems.push({file, ...placeOf(file, files, hash), message: `token "${name}" is one of ${rival[0]} too: whose would it be?`});
    const owner = resolved.get(rival?.[0] ?? user) as Person; // has just been made of the same people
    return [hash, {user: owner.user, name, roles: limited(owner.roles, limits), isLimited: limits.role !== undefined || limits.apps !== undefined || expires !== undefined, ...(expires !== undefined && {expiresAtMs: expiryMs(expires)})}];
  })));
  const {oidc: provider, domain} = clusterOf(files) ?? {};
  const {all, problems: wrong} = identitiesOf(people, {provider, domain}, (user, limits) => limited((resolved.get(user) as Person).roles, limits)); // made of the same people
  problems.push(...wrong.map(({file, subject, message}) => ({file, ...placeOf(file, files, subject), message})));
  return {access: {people: resolved, tokens, sshKeys: keysOf(people, files, problems), identities: {...(provider && {provider}), all}}, problems};
}

/** Whose each key is. One that two people have is the first one's, as with tokens: a copy of a key gives nobody another's commits. */
function keysOf(people: ReadonlyMap<string, Loaded<'Person'>>, files: readonly ManifestFile[], problems: Diagnostic[]): ReadonlyMap<string, OwnedKey> {
  const keys = new Map<string, OwnedKey>();
  for (const [user, {file, manifest}] of [...people].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    for (const line of manifest.sshKeys ?? []) {
      const key = readLoginKey(line);
      if (!key.ok) continue; // Its file is wrong, and was told of.
      const owner = keys.get(key.value.fingerprint);
      if (owner === undefined) keys.set(key.value.fingerprint, {...key.value, user});
      else problems.push({file, ...placeOf(file, files, key.value.blob), message: `the SSH key ${key.value.fingerprint} is one of ${owner.user} too: whose would it be?`});
    }
  }
  return keys;
}

/** Whether these roles are enough. `app`: whose it is, where the right is one of an app. */
export function mayDo({cluster, apps}: Roles, right: Right, app?: string): boolean {
  const {on, role}: Rule = RIGHTS[right];
  switch (on) {
    case 'self': return true;
    case 'cluster': return isEnough(cluster, role);
    case 'any': return isEnough(cluster, role) || [...apps.values()].some((one) => isEnough(one, role));
    case 'app': return isEnough(higherRole(cluster, app === undefined ? undefined : apps.get(app)), role);
  }
}

/** Who asks, as a refusal names him. */
export interface Asking {
  readonly user: string;
  /** Which of his tokens he came with. */
  readonly token?: string;
  /** It is good for less than its owner. */
  readonly isLimited?: boolean;
}

/** `ann may not scale it (shop): that takes the role deployer for the app or the cluster` */
export function refusalOf(who: Asking, right: Right, app?: string): string {
  const {on, role, words}: Rule = RIGHTS[right];
  // He himself may be allowed to.
  const user = who.isLimited === true && who.token !== undefined ? `${who.user}, with the limited token "${who.token}",` : who.user;
  const where = on === 'app' ? 'for the app or the cluster' : on === 'cluster' ? 'for the cluster' : 'for some app';
  return `${user} may not ${words}${app === undefined ? '' : ` (${app})`}: that takes the role ${role} ${where}`;
}

/** What is left of roles for a token that is not good for everything. */
function limited({cluster, apps}: Roles, limits: {readonly role?: Role; readonly apps?: readonly string[]}): Roles {
  const capped = (role: Role) => (limits.role === undefined ? role : lowerRole(role, limits.role));
  if (limits.apps === undefined) return {cluster: cluster && capped(cluster), apps: new Map([...apps].map(([app, role]) => [app, capped(role)]))};
  // A role for the cluster holds for these apps only.
  return {cluster: undefined, apps: new Map(limits.apps.flatMap((app) => {
    const role = higherRole(cluster, apps.get(app));
    return role === undefined ? [] : [[app, capped(role)] as const];
  }))};
}

function merged(all: readonly Readonly<Record<string, Role>>[]): ReadonlyMap<string, Role> {
  const roles = new Map<string, Role>();
  for (const [app, role] of all.flatMap((one) => Object.entries(one))) roles.set(app, higherRole(roles.get(app), role) ?? role);
  return roles;
}

interface Loaded<K extends Kind> {
  readonly file: string;
  readonly manifest: Manifests[K];
}

/** By the names of the files. */
function loadAll<K extends Kind>(kind: K, files: readonly ManifestFile[], problems: Diagnostic[]): ReadonlyMap<string, Loaded<K>> {
  return new Map(files.flatMap((file): [string, Loaded<K>][] => {
    const [, folder, name = ''] = FILE.exec(file.path) ?? [];
    if (name === 'operator' && kind === 'Person') {
      problems.push({file: file.path, line: 1, column: 1, message: 'nobody can be called "operator": that is who has the node\'s own token'});
      return [];
    }
    if (folder === undefined) return []; // Whether it may be here is checked with all other places.
    const wrong = (message: string) => {
      problems.push({file: file.path, line: 1, column: 1, message});
      return [];
    };
    if (!new RegExp(NAME_PATTERN).test(name)) return wrong(`"${name}" can't name a ${kind === 'Team' ? 'team' : 'person'}: it must be small letters, digits and inner dashes, at most 30 characters`);
    if (file.kind === 'refused') return wrong(file.why);
    const loaded = loadManifest(kind, file.path, file.text);
    if (!loaded.ok) {
      problems.push(...loaded.problem);
      return [];
    }
    return [[name, {file: file.path, manifest: loaded.value}]];
  }));
}

/** Where a word first stands in a file. */
function placeOf(path: string, files: readonly ManifestFile[], word: string): {readonly line: number; readonly column: number} {
  const file = files.find((one) => one.path === path);
  const before = file?.kind === 'text' ? file.text.slice(0, Math.max(0, file.text.indexOf(word))) : '';
  return {line: before.split('\n').length, column: before.length - before.lastIndexOf('\n')};
}
