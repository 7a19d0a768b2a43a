import type {AppManifest} from '../../schemas/app.ts';
import {readArmor} from '../../schemas/armor.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import {looksSecret} from '../../schemas/looks-secret.ts';
import type {Problem} from '../../schemas/schema.ts';
import {sealedValues} from '../../schemas/secrets.ts';
import type {AppPiece, Snapshot} from '../checkout/snapshot.ts';
import {CLUSTER_FILE, resolveCluster} from '../desired/cluster.ts';
import {sortFolder, type TextFile} from '../desired/folder.ts';
import {oneSidedWarnings} from './one-sided.ts';
import {drainWarnings} from './plain-drains.ts';

/** Warnings of one push: the rest would only scroll the first away. */
const WARNINGS_MAX = 20;

/**
 * What the owner of a push should know of what is new in it, and that is no mistake: plain values that look like secrets, secrets that not all
 * recipients can read, ways to apps that do not open theirs. Never says a value.
 */
export async function warningsOf({before, after}: {before: Snapshot | undefined; after: Snapshot}, signal: AbortSignal): Promise<readonly Diagnostic[]> {
  const known = new Map(before?.apps.map((app) => [app.name, app]));
  const changed = after.apps.filter(({name, treeId}) => known.get(name)?.treeId !== treeId);
  const cluster = resolveCluster(await after.shared.files(signal));
  const recipients = cluster.ok ? cluster.value.recipients.length : 0;
  const all = new Map(after.apps.map((app) => [app.name as string, app]));
  const manifestOf = async (app: string) => (await folderOf(all.get(app), signal)).manifest;
  const warnings: Diagnostic[] = [...drainWarnings(await clusterOf(after, signal), await clusterOf(before, signal), 'Cluster')];
  for (const app of changed) {
    if (warnings.length >= WARNINGS_MAX) break;
    const [now, then] = [await folderOf(app, signal), await folderOf(known.get(app.name), signal)];
    if (now.manifest?.blobId !== then.manifest?.blobId) warnings.push(...await oneSidedWarnings(app.name, now.manifest, manifestOf));
    warnings.push(...plainWarnings(now.manifest, then.manifest), ...drainWarnings(now.manifest, then.manifest, 'App'), ...sealedWarnings(now.secrets, {before: then.secrets, recipients}));
  }
  return warnings.slice(0, WARNINGS_MAX);
}

async function clusterOf(snapshot: Snapshot | undefined, signal: AbortSignal): Promise<TextFile | undefined> {
  return (await snapshot?.shared.files(signal))?.find((file): file is TextFile => file.kind === 'text' && file.path === CLUSTER_FILE);
}

async function folderOf(app: AppPiece | undefined, signal: AbortSignal) {
  return app === undefined ? {manifest: undefined, secrets: undefined} : {manifest: undefined, secrets: undefined, ...sortFolder(app.name, await app.files(signal))};
}

function plainWarnings(file: TextFile | undefined, before: TextFile | undefined): readonly Diagnostic[] {
  if (file === undefined || file.blobId === before?.blobId) return [];
  const known = new Set(plainValues(before).map(({path, value}) => JSON.stringify([path, value])));
  return locate(plainValues(file).flatMap(({path, name, value}): readonly Problem[] => {
    const why = known.has(JSON.stringify([path, value])) ? undefined : looksSecret(name, value);
    const message = `${path.join('.')} looks like a secret (${why}), and everybody who can read this repository can read it, for ever: flynn env set --secret ${name}${path[0] === 'env' ? '' : ` -t ${path[1]}`}`;
    return why === undefined ? [] : [{path, message}];
  }), file.path, file.text);
}

function plainValues(file: TextFile | undefined): readonly {readonly path: readonly string[]; readonly name: string; readonly value: string}[] {
  const loaded = file === undefined ? undefined : loadManifest('App', file.path, file.text);
  if (loaded?.ok !== true) return [];
  const {env, services = {}}: AppManifest = loaded.value;
  const each = (values: AppManifest['env'], path: readonly string[]) => Object.entries(values ?? {}).map(([name, value]) => ({path: [...path, name], name, value}));
  return [...each(env, ['env']), ...Object.entries(services).flatMap(([service, {env: own}]) => each(own, ['services', service, 'env']))];
}

function sealedWarnings(file: TextFile | undefined, {before, recipients}: {before: TextFile | undefined; recipients: number}): readonly Diagnostic[] {
  if (file === undefined || file.blobId === before?.blobId) return [];
  const known = new Set(sealedOf(before).map(({value}) => value));
  return locate(sealedOf(file).filter(({value}) => !known.has(value)).flatMap(({path, value}): readonly Problem[] => {
    const armor = readArmor(value);
    if (!armor.ok || armor.value.recipientCount >= recipients) return [];
    return [{path, message: `${path.join('.')} is encrypted to ${armor.value.recipientCount} of the ${recipients} recipients in cluster.yaml: flynn secrets rotate encrypts it to all`}];
  }), file.path, file.text);
}

function sealedOf(file: TextFile | undefined) {
  const loaded = file === undefined ? undefined : loadManifest('Secrets', file.path, file.text);
  return loaded?.ok === true ? sealedValues(loaded.value) : [];
}
