import {isDeepStrictEqual} from 'node:util';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, type Manifests} from '../../schemas/load.ts';
import type {AppRoles, Role} from '../../schemas/roles.ts';
import type {TeamManifest} from '../../schemas/team.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {removeKey, setList, setScalar} from './yaml-edit.ts';
import {addToList, removeFromList} from './yaml-list.ts';

export type TeamWish = Pick<TeamManifest, 'members' | 'role' | 'apps'>;

/** What changes; null takes a role away. */
export interface RoleChanges {
  readonly role?: Role | null;
  readonly apps?: Readonly<Record<string, AppRoles[string] | null>>;
}

/** Whose roles are changed: a file of `people/` or of `teams/`. */
export interface RoleOwner {
  readonly kind: 'Person' | 'Team';
  readonly name: string;
}

export function teamFile(team: string): string {
  return `teams/${team}.yaml`;
}

/** A new team; one that is there already is not changed. That its members are people is looked at by the check of the commit. */
export function addTeam(team: string, {members, role, apps = {}}: TeamWish): Edit {
  return (read) => {
    const file = teamFile(team);
    if (read(file) !== undefined) throw new EditRefused(`there is a team "${team}" already: ${file}`);
    const text = [
      '# yaml-language-server: $schema=../.flynn/schemas/team.schema.json',
      'apiVersion: flynn/v1',
      'kind: Team',
      `members: [${members.join(', ')}]`,
      ...(role === undefined ? [] : [`role: ${role}`]),
      ...(Object.keys(apps).length === 0 ? [] : ['apps:', ...Object.entries(apps).map(([app, of]) => `  ${app}: ${of}`)]),
      '',
    ].join('\n');
    mustBe('Team', file, text);
    return {[file]: text};
  };
}

export function removeTeam(team: string): Edit {
  return (read) => {
    found({kind: 'Team', name: team}, read);
    return {[teamFile(team)]: undefined};
  };
}

/** Who is in it already, or is not in it, is left so. */
export function changeMembers(team: string, {add = [], remove = []}: {readonly add?: readonly string[]; readonly remove?: readonly string[]}): Edit {
  return (read) => {
    const {file, text: original} = found({kind: 'Team', name: team}, read);
    const before = mustBe('Team', file, original);
    const wanted = [...before.members.filter((member) => !remove.includes(member)), ...new Set(add.filter((member) => !before.members.includes(member)))];
    if (isDeepStrictEqual(wanted, before.members)) return {};
    const gone = before.members.flatMap((member, index) => (wanted.includes(member) ? [] : [index])).toReversed();
    // A team has a list of members, even an empty one.
    const without = wanted.length === 0 ? removeKey(original, ['members']) : gone.reduce<string | undefined>((text, index) => text && removeFromList(text, 'members', index), original);
    const filled = wanted.slice(before.members.length - gone.length);
    const text = without === undefined ? undefined
      : wanted.length === 0 ? setList(without, ['members'], [])
      : gone.length > 0 && filled.length === wanted.length ? setList(removeKey(original, ['members']) ?? original, ['members'], wanted)
      : filled.reduce<string | undefined>((one, member) => one && addToList(one, 'members', member), without);
    return edited(file, text, {kind: 'Team', wanted: {...before, members: wanted}, inWords: `the members ${wanted.join(', ')}`});
  };
}

/** Sets roles, or takes them away; others stay. */
export function changeRoles(owner: RoleOwner, {role, apps = {}}: RoleChanges): Edit {
  return (read) => {
    const {file, text: original} = found(owner, read);
    const before = mustBe(owner.kind, file, original);
    let text: string | undefined = original;
    const change = (path: readonly string[], value: string | null | undefined, is: string | undefined) => {
      if (text === undefined || value === undefined || (value ?? undefined) === is) return;
      text = value === null ? removeKey(text, path) : setScalar(text, path, value);
    };
    change(['role'], role, before.role);
    for (const [app, of] of Object.entries(apps)) change(['apps', app], of, before.apps?.[app]);
    if (text === original) return {};
    const {role: _role, apps: _apps, ...rest} = before;
    const roleWanted = role === undefined ? before.role : role ?? undefined;
    const appsWanted = Object.fromEntries(Object.entries({...before.apps, ...apps}).filter(([, of]) => of !== null));
    const wanted = {...rest, ...(roleWanted !== undefined && {role: roleWanted}), ...(Object.keys(appsWanted).length > 0 && {apps: appsWanted})};
    return edited(file, text, {kind: owner.kind, wanted, inWords: [...(role === undefined ? [] : [`role ${role ?? 'none'}`]), ...Object.entries(apps).map(([app, of]) => `${app}: ${of ?? 'none'}`)].join(', ')});
  };
}

function edited<Kind extends RoleOwner['kind']>(file: string, text: string | undefined, {kind, wanted, inWords}: {readonly kind: Kind; readonly wanted: object; readonly inWords: string}): Readonly<Record<string, string>> {
  if (text !== undefined) {
    const after = mustBe(kind, file, text);
    if (isDeepStrictEqual(after, wanted)) return {[file]: text};
  }
  throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: set ${inWords} by hand`);
}

function found({kind, name}: RoleOwner, read: Parameters<Edit>[0]): {readonly file: string; readonly text: string} {
  const file = kind === 'Team' ? teamFile(name) : `people/${name}.yaml`;
  const text = read(file);
  if (text === undefined) throw new EditRefused(`there is no ${kind === 'Team' ? 'team' : 'person'} "${name}": no file ${file}`);
  return {file, text};
}

function mustBe<Kind extends RoleOwner['kind']>(kind: Kind, file: string, text: string): Manifests[Kind] {
  const loaded = loadManifest(kind, file, text);
  if (!loaded.ok) throw new EditRefused(loaded.problem.map(formatDiagnostic).join('\n'));
  return loaded.value;
}
