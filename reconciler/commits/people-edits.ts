import {isDeepStrictEqual} from 'node:util';
import type {IdentityManifest} from '../../schemas/oidc.ts';
import type {PersonManifest, TokenManifest} from '../../schemas/person.ts';
import {loadManifest} from '../../schemas/load.ts';
import {readLoginKey} from '../../schemas/login-key.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {removeKey, setList, setScalar} from './yaml-edit.ts';
import {addToList, removeFromList} from './yaml-list.ts';

export type PersonWish = Pick<PersonManifest, 'name' | 'email' | 'role' | 'apps'>;

export function personFile(user: string): string {
  return `people/${user}.yaml`;
}

/** A new person; somebody who is there already is not changed. */
export function addPerson(user: string, {name, email, role, apps = {}}: PersonWish): Edit {
  return (read) => {
    const file = personFile(user);
    if (read(file) !== undefined) throw new EditRefused(`${user} is there already: ${file}`);
    const text = [
      '# yaml-language-server: $schema=../.flynn/schemas/person.schema.json',
      'apiVersion: flynn/v1',
      'kind: Person',
      `name: ${JSON.stringify(name)}`,
      `email: ${JSON.stringify(email)}`,
      ...(role === undefined ? [] : [`role: ${role}`]),
      ...(Object.keys(apps).length === 0 ? [] : ['apps:', ...Object.entries(apps).map(([app, of]) => `  ${app}: ${of}`)]),
      '',
    ].join('\n');
    mustBePerson(file, text);
    return {[file]: text};
  };
}

/** With all tokens. Teams that name the person have to be changed first: the check of the commit says so. */
export function removePerson(user: string): Edit {
  return (read) => {
    mustRead(read, user);
    return {[personFile(user)]: undefined};
  };
}

/** A token of that name is not replaced: two places would have the same name, and one of them would lose its access. */
export function addToken(user: string, token: string, {hash, role, apps, expires}: TokenManifest): Edit {
  return (read) => {
    const file = personFile(user);
    const before = mustRead(read, user);
    const known = mustBePerson(file, before).tokens?.[token];
    if (known?.hash === hash) return {};
    if (known !== undefined) throw new EditRefused(`${user} has a token "${token}" already: remove it first, or take another name`);
    let text: string | undefined = before;
    for (const [field, value] of Object.entries({hash, role, expires})) {
      if (text !== undefined && value !== undefined) text = setScalar(text, ['tokens', token, field], value);
    }
    if (text !== undefined && apps !== undefined) text = setList(text, ['tokens', token, 'apps'], apps);
    if (text === undefined || mustBePerson(file, text).tokens?.[token]?.hash !== hash) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: add tokens.${token} with the hash ${hash} by hand`);
    return {[file]: text};
  };
}

export function removeToken(user: string, token: string): Edit {
  return (read) => {
    const file = personFile(user);
    const before = mustRead(read, user);
    if (mustBePerson(file, before).tokens?.[token] === undefined) throw new EditRefused(`${user} has no token "${token}"`);
    const text = removeKey(before, ['tokens', token]);
    if (text === undefined || mustBePerson(file, text).tokens?.[token] !== undefined) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: remove tokens.${token} by hand`);
    return {[file]: text};
  };
}

/** A key for git over SSH. One that the person has already is not added again. */
export function addSshKey(user: string, line: string): Edit {
  return (read) => {
    const file = personFile(user);
    const before = mustRead(read, user);
    const key = readLoginKey(line);
    if (!key.ok) throw new EditRefused(`the SSH key ${key.problem}`);
    if (indexOfKey(mustBePerson(file, before), key.value.fingerprint) !== undefined) return {};
    const {type, blob, comment, fingerprint} = key.value;
    const text = addToList(before, 'sshKeys', [type, blob, comment].join(' ').trimEnd());
    if (text === undefined || indexOfKey(mustBePerson(file, text), fingerprint) === undefined) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: add the key to sshKeys by hand`);
    return {[file]: text};
  };
}

/** By its fingerprint. */
export function removeSshKey(user: string, fingerprint: string): Edit {
  return (read) => {
    const file = personFile(user);
    const before = mustRead(read, user);
    const index = indexOfKey(mustBePerson(file, before), fingerprint);
    if (index === undefined) throw new EditRefused(`${user} has no SSH key ${fingerprint}`);
    const text = removeFromList(before, 'sshKeys', index);
    if (text === undefined || indexOfKey(mustBePerson(file, text), fingerprint) !== undefined) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: take the key out of sshKeys by hand`);
    return {[file]: text};
  };
}

/** Who the person is at an identity provider. One that is there already as it is wanted is not added again. */
export function addIdentity(user: string, {subject, issuer, audience, role, apps}: IdentityManifest): Edit {
  return (read) => {
    const file = personFile(user);
    const before = mustRead(read, user);
    const wanted: IdentityManifest = {...(issuer !== undefined && {issuer}), subject, ...(audience !== undefined && {audience}), ...(role !== undefined && {role}), ...(apps !== undefined && {apps})};
    const at = indexOfIdentity(mustBePerson(file, before), wanted);
    if (at !== undefined) {
      if (isDeepStrictEqual(mustBePerson(file, before).oidc?.[at], wanted)) return {};
      throw new EditRefused(`${user} is "${subject}" already, with other limits: remove it first`);
    }
    const text = addToList(before, 'oidc', wanted);
    if (text === undefined || indexOfIdentity(mustBePerson(file, text), wanted) === undefined) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: add the subject "${subject}" to oidc by hand`);
    return {[file]: text};
  };
}

export function removeIdentity(user: string, identity: Pick<IdentityManifest, 'subject' | 'issuer'>): Edit {
  return (read) => {
    const file = personFile(user);
    const before = mustRead(read, user);
    const index = indexOfIdentity(mustBePerson(file, before), identity);
    if (index === undefined) throw new EditRefused(`${user} is not "${identity.subject}" at ${identity.issuer ?? "the cluster's provider"}`);
    const text = removeFromList(before, 'oidc', index);
    if (text === undefined || indexOfIdentity(mustBePerson(file, text), identity) !== undefined) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is written: take the subject "${identity.subject}" out of oidc by hand`);
    return {[file]: text};
  };
}

function indexOfIdentity({oidc = []}: PersonManifest, {subject, issuer}: Pick<IdentityManifest, 'subject' | 'issuer'>): number | undefined {
  const index = oidc.findIndex((one) => one.subject === subject && one.issuer === issuer);
  return index === -1 ? undefined : index;
}

function indexOfKey({sshKeys = []}: PersonManifest, fingerprint: string): number | undefined {
  const index = sshKeys.findIndex((line) => {
    const key = readLoginKey(line);
    return key.ok && key.value.fingerprint === fingerprint;
  });
  return index === -1 ? undefined : index;
}

function mustRead(read: (path: string) => string | undefined, user: string): string {
  const text = read(personFile(user));
  if (text === undefined) throw new EditRefused(`there is no person "${user}": no file ${personFile(user)}`);
  return text;
}

function mustBePerson(file: string, text: string): PersonManifest {
  const loaded = loadManifest('Person', file, text);
  if (!loaded.ok) throw new EditRefused(loaded.problem.map(formatDiagnostic).join('\n'));
  return loaded.value;
}
