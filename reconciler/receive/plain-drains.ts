import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {DrainManifest} from '../../schemas/drains.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import {looksSecret} from '../../schemas/looks-secret.ts';
import type {TextFile} from '../desired/folder.ts';

interface Plain {
  readonly path: readonly (string | number)[];
  readonly value: string;
}

/** Credentials of drains that stand in the repository as they are, and did not before. Never says a value. */
export function drainWarnings(file: TextFile | undefined, before: TextFile | undefined, kind: 'App' | 'Cluster'): readonly Diagnostic[] {
  if (file === undefined || file.blobId === before?.blobId) return [];
  const known = new Set(plainIn(before, kind).map(({value}) => value));
  const advice = kind === 'App' ? ': put it into secrets.yaml, and its name under secretHeaders' : '';
  const found = plainIn(file, kind).filter(({value}) => !known.has(value));
  return locate(found.map(({path}) => ({path, message: `${path.join('.')} has a secret in it, and everybody who can read this repository can read it, for ever${advice}`})), file.path, file.text);
}

function plainIn(file: TextFile | undefined, kind: 'App' | 'Cluster'): readonly Plain[] {
  const loaded = file === undefined ? undefined : loadManifest(kind, file.path, file.text);
  if (loaded?.ok !== true) return [];
  return (loaded.value.drains ?? []).flatMap(({url, headers = {}}: DrainManifest, index) => [
    ...(hasCredentials(new URL(url)) ? [{path: ['drains', index, 'url'], value: url}] : []),
    ...Object.entries(headers).filter(([name, value]) => isSecretHeader(name, value)).map(([name, value]) => ({path: ['drains', index, 'headers', name], value})),
  ]);
}

function hasCredentials({username, password, searchParams}: URL): boolean {
  return username !== '' || password !== '' || [...searchParams].some(([name, value]) => looksSecret(name.replaceAll('-', '_'), value) !== undefined);
}

function isSecretHeader(name: string, value: string): boolean {
  return /^(proxy-)?authorization$|^cookie$/i.test(name) || looksSecret(name.replaceAll('-', '_'), value) !== undefined;
}
