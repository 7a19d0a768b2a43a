import {isDeepStrictEqual} from 'node:util';
import type {ForgeManifest} from '../../schemas/forge.ts';
import {loadManifest} from '../../schemas/load.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {CLUSTER_FILE} from './edits.ts';
import {recipientsIn, SealedForOthers} from './env-edits.ts';
import {removeKey, setLines, setScalar} from './yaml-edit.ts';

const SEALED: ReadonlySet<string> = new Set(['token', 'hookSecret'] satisfies (keyof ForgeManifest)[]);

/** Names the forge of the cluster repository, or none. `recipients`: those that what is secret was sealed to. */
export function setForge(wanted: ForgeManifest | undefined, recipients: readonly string[]): Edit {
  return changeForge((before) => {
    if (wanted === undefined) return undefined;
    const {kind, url, repository, hookSecret} = before ?? {};
    // Webhooks of the same repository go on.
    const isSame = kind === wanted.kind && url === wanted.url && repository === wanted.repository;
    return {...wanted, ...(isSame && hookSecret !== undefined && {hookSecret})};
  }, wanted === undefined ? undefined : recipients);
}

/** Sets what webhooks prove themselves with. */
export function setForgeHook(sealed: string, recipients: readonly string[]): Edit {
  return changeForge((before) => {
    if (before === undefined) throw new EditRefused('cluster.yaml names no forge that could send a webhook: flynn forge set');
    return {...before, hookSecret: sealed};
  }, recipients);
}

function changeForge(change: (before: ForgeManifest | undefined) => ForgeManifest | undefined, recipients: readonly string[] | undefined): Edit {
  return (read) => {
    if (recipients !== undefined && !isDeepStrictEqual(recipientsIn(read), recipients)) throw new SealedForOthers();
    const original = read(CLUSTER_FILE) ?? '';
    const before = loadManifest('Cluster', CLUSTER_FILE, original);
    if (!before.ok) throw new EditRefused(`${CLUSTER_FILE} has to be put right first`);
    const {forge: old, ...rest} = before.value;
    const wanted = change(old);
    if (isDeepStrictEqual(old, wanted)) return {};
    let text = old === undefined ? original : removeKey(original, ['forge']) ?? original;
    for (const [field, value] of Object.entries(wanted ?? {}) as [string, string | number][]) {
      text = (SEALED.has(field) ? setLines(text, ['forge', field], String(value)) : setScalar(text, ['forge', field], value)) ?? text;
    }
    const after = loadManifest('Cluster', CLUSTER_FILE, text);
    if (!after.ok || !isDeepStrictEqual(after.value, {...rest, ...(wanted !== undefined && {forge: wanted})})) throw new EditRefused(`${CLUSTER_FILE} can't be edited by a tool, because of how its YAML is shared or written: change forge by hand`);
    return {[CLUSTER_FILE]: text};
  };
}
