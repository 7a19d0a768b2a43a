import {isDeepStrictEqual} from 'node:util';
import {loadManifest} from '../../schemas/load.ts';
import type {ProviderManifest} from '../../schemas/oidc.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {CLUSTER_FILE} from './edits.ts';
import {removeKey, setScalar} from './yaml-edit.ts';

/** Names the identity provider that people sign in with, or none. */
export function setProvider(wanted: ProviderManifest | undefined): Edit {
  return (read) => {
    const original = read(CLUSTER_FILE) ?? '';
    const before = loadManifest('Cluster', CLUSTER_FILE, original);
    if (!before.ok) throw new EditRefused(`${CLUSTER_FILE} has to be put right first`);
    const {oidc: old, ...rest} = before.value;
    if (isDeepStrictEqual(old, wanted)) return {};
    let text = old === undefined ? original : removeKey(original, ['oidc']) ?? original;
    for (const [field, value] of Object.entries(wanted ?? {})) text = setScalar(text, ['oidc', field], value) ?? text;
    const after = loadManifest('Cluster', CLUSTER_FILE, text);
    if (!after.ok || !isDeepStrictEqual(after.value, {...rest, ...(wanted !== undefined && {oidc: wanted})})) throw new EditRefused(`${CLUSTER_FILE} can't be edited by a tool, because of how its YAML is shared or written: change oidc by hand`);
    return {[CLUSTER_FILE]: text};
  };
}
