import {isDeepStrictEqual} from 'node:util';
import {loadManifest} from '../../schemas/load.ts';
import type {RegistryManifest} from '../../schemas/registry.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {CLUSTER_FILE} from './edits.ts';
import {recipientsIn, SealedForOthers} from './env-edits.ts';
import {removeKey, setLines, setScalar} from './yaml-edit.ts';

/** Names the registry of the cluster, or none. `recipients`: those that the password was sealed to. */
export function setRegistry(registry: RegistryManifest | undefined, recipients: readonly string[]): Edit {
  return (read) => {
    if (registry?.password !== undefined && !isDeepStrictEqual(recipientsIn(read), recipients)) throw new SealedForOthers();
    const original = read(CLUSTER_FILE) ?? '';
    const before = loadManifest('Cluster', CLUSTER_FILE, original);
    if (!before.ok) throw new EditRefused(`${CLUSTER_FILE} has to be put right first`);
    const {registry: old, ...rest} = before.value;
    if (isDeepStrictEqual(old, registry)) return {};
    let text = old === undefined ? original : removeKey(original, ['registry']) ?? original;
    for (const [field, value] of Object.entries(registry ?? {})) text = (field === 'password' ? setLines : setScalar)(text, ['registry', field], value as string) ?? text;
    const after = loadManifest('Cluster', CLUSTER_FILE, text);
    if (!after.ok || !isDeepStrictEqual(after.value, {...rest, ...(registry !== undefined && {registry})})) throw new EditRefused(`${CLUSTER_FILE} can't be edited by a tool, because of how its YAML is shared or written: change registry by hand`);
    return {[CLUSTER_FILE]: text};
  };
}
