import {isDeepStrictEqual} from 'node:util';
import type {AppManifest} from '../../schemas/app.ts';
import type {ClusterManifest} from '../../schemas/cluster.ts';
import {withoutCredentials, type DrainManifest} from '../../schemas/drains.ts';
import {formatDiagnostic, type Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {Result} from '../../schemas/result.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, CLUSTER_FILE, mustLoad, mustRead} from './edits.ts';
import {addToList, removeFromList} from './yaml-list.ts';

/** Whose drains: an app's, or those of all apps together. */
export type DrainOwner = AppName | 'cluster';

const KEY = 'drains';

/** Adds a drain to app.yaml or cluster.yaml. One that is there already, in all its fields, is left as it is. */
export function addDrain(owner: DrainOwner, drain: DrainManifest): Edit {
  return (read) => {
    const {file, text, manifest} = manifestOf(owner, read);
    const before = manifest.drains ?? [];
    if (before.some((one) => isDeepStrictEqual(one, drain))) return {};
    if (before.some(({url}) => url === drain.url)) throw new EditRefused(`${file} has a drain to ${withoutCredentials(drain.url)} already: flynn drains remove`);
    return edited(owner, {file, manifest, drains: [...before, drain], text: addToList(text, KEY, drain)});
  };
}

/** Takes the drain out that has this URL; user, password and query may be left out, as they are where drains are listed. */
export function removeDrain(owner: DrainOwner, url: string): Edit {
  return (read) => {
    const {file, text, manifest} = manifestOf(owner, read);
    const before = manifest.drains ?? [];
    const exact = before.findIndex((one) => one.url === url);
    const found = exact === -1 ? before.flatMap((one, index) => (withoutCredentials(one.url) === url ? [index] : [])) : [exact];
    const [index] = found;
    if (index === undefined) throw new EditRefused(`${file} has no drain to ${withoutCredentials(url)}${before.length === 0 ? '' : `; it has ${before.map((one) => withoutCredentials(one.url)).join(', ')}`}`);
    if (found.length > 1) throw new EditRefused(`${file} has ${found.length} drains to ${url}, which differ in what is secret: remove one by its whole url, or by hand`);
    return edited(owner, {file, manifest, drains: before.toSpliced(index, 1), text: removeFromList(text, KEY, index)});
  };
}

type Manifest = AppManifest | ClusterManifest;

interface Found {
  readonly file: string;
  readonly text: string;
  readonly manifest: Manifest;
}

function manifestOf(owner: DrainOwner, read: Parameters<Edit>[0]): Found {
  if (owner !== 'cluster') {
    const text = mustRead(read, owner);
    return {file: appFile(owner), text, manifest: mustLoad(appFile(owner), text)};
  }
  const text = read(CLUSTER_FILE) ?? '';
  const loaded = loadManifest('Cluster', CLUSTER_FILE, text);
  if (!loaded.ok) throw new EditRefused(`the manifest has to be put right first:\n${loaded.problem.map(formatDiagnostic).join('\n')}`);
  return {file: CLUSTER_FILE, text, manifest: loaded.value};
}

function edited(owner: DrainOwner, {file, manifest, drains, text}: Omit<Found, 'text'> & {readonly drains: readonly DrainManifest[]; readonly text: string | undefined}): ReturnType<Edit> {
  const {drains: _, ...rest} = manifest;
  const wanted = drains.length === 0 ? rest : {...rest, drains};
  const after: Result<Manifest, readonly Diagnostic[]> | undefined = text === undefined ? undefined : loadManifest(owner === 'cluster' ? 'Cluster' : 'App', file, text);
  if (after?.ok === false) throw new EditRefused(after.problem.map(formatDiagnostic).join('\n'));
  if (text === undefined || !isDeepStrictEqual(after?.value, wanted)) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: change \`${KEY}\` by hand`);
  return {[file]: text};
}
