import {accessOf, type Access, type Roles} from '../access/access.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';

/** Whose rights change, a sentence each: roles count as they are in all, with those of teams. */
export function peopleDifference(before: readonly ManifestFile[], after: readonly ManifestFile[]): readonly string[] {
  const [old, now] = [accessOf(before).access, accessOf(after).access];
  const users = [...new Set([...old.people.keys(), ...now.people.keys()])].toSorted();
  return users.flatMap((user) => {
    const [had, has] = [old.people.get(user), now.people.get(user)];
    if (has === undefined) return [`${user} goes: ${inWords(had?.roles)} before`];
    const tokens = [...tokensChange(tokensOf(old, user), tokensOf(now, user)), ...identitiesChange(identitiesOf(old, user), identitiesOf(now, user))].map((change) => `${user}: ${change}`);
    if (had === undefined) return [`${user} is new: ${inWords(has.roles)}`, ...tokens];
    const [was, is] = [inWords(had.roles), inWords(has.roles)];
    return [...(was === is ? [] : [`${user}: ${is} instead of ${was}`]), ...tokens];
  });
}

function inWords(roles: Roles | undefined): string {
  const all = [
    ...(roles?.cluster === undefined ? [] : [`${roles.cluster} of the cluster`]),
    ...[...roles?.apps ?? []].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([app, role]) => `${role} of ${app}`),
  ];
  return all.length === 0 ? 'no role' : all.join(', ');
}

/** Hash by name. */
function tokensOf({tokens}: Access, user: string): ReadonlyMap<string, string> {
  return new Map([...tokens].filter(([, token]) => token.user === user).map(([hash, {name}]) => [name, hash]));
}

/** Each in words, so that another audience or role is another one. */
function identitiesOf({identities: {all}}: Access, user: string): readonly string[] {
  return all.filter((one) => one.user === user).map(({issuer, subject, audience, roles, isLimited}) => `"${subject}" at ${issuer} for ${audience}${isLimited ? ` (${inWords(roles)})` : ''}`);
}

function identitiesChange(from: readonly string[], to: readonly string[]): readonly string[] {
  return [...from.filter((one) => !to.includes(one)).map((one) => `is no longer ${one}`), ...to.filter((one) => !from.includes(one)).map((one) => `is ${one}`)];
}

function tokensChange(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...from.keys(), ...to.keys()])].toSorted().flatMap((name) => {
    if (!from.has(name)) return [`token ${name} is new`];
    if (!to.has(name)) return [`token ${name} goes`];
    return from.get(name) === to.get(name) ? [] : [`token ${name} is another one`];
  });
}
