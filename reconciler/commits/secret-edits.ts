import {isDeepStrictEqual} from 'node:util';
import type {ClusterManifest} from '../../schemas/cluster.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {sealedValues, type SecretsManifest} from '../../schemas/secrets.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {addRecipients, CLUSTER_FILE} from './edits.ts';
import {resealedCertificates} from './certificate-edits.ts';
import {recipientsIn, SealedForOthers, secretsFile} from './env-edits.ts';
import {setLines, setScalar} from './yaml-edit.ts';

/** One key in the place of another, and everything that was sealed to the old one. */
export interface Rotation {
  /** cluster.yaml's recipients, as they were when the values were sealed. */
  readonly recipients: readonly string[];
  /** Absent: there were none at all. */
  readonly from?: string;
  readonly to: string;
  /** Every value that was seen, as it is sealed now; undefined for those that this node could not open, which stay as they are. */
  readonly sealed: ReadonlyMap<string, string | undefined>;
}

/**
 * Puts another public key in the place of one of cluster.yaml's, and all values sealed anew in the place of the old ones: nothing else
 * changes, names and comments stay. Files that are wrong stay as they are: one app must not keep the others from it.
 */
export function rotateSecrets(rotation: Rotation): Edit {
  return (read, list) => {
    if (!isDeepStrictEqual(recipientsIn(read), rotation.recipients)) throw new SealedForOthers();
    // All are asked for first: an edit is run again for each file that was not read yet.
    const files = list('apps').map((name) => secretsFile(name as AppName)); // whatever it is called: only its file is looked at
    const texts = files.map((file) => [file, read(file)] as const);
    const changes: Record<string, string | undefined> = {...changeRecipients(rotation)(read, list)};
    Object.assign(changes, resealedCertificates(rotation.sealed, [read, list]));
    changes[CLUSTER_FILE] = withClusterSecretsOf(changes[CLUSTER_FILE] ?? read(CLUSTER_FILE) ?? '', rotation.sealed);
    if (changes[CLUSTER_FILE] === read(CLUSTER_FILE)) delete changes[CLUSTER_FILE];
    for (const [file, text] of texts) {
      const after = text === undefined ? undefined : resealed(file, text, rotation.sealed);
      if (after !== undefined && after !== text) changes[file] = after;
    }
    return changes;
  };
}

/** What cluster.yaml has sealed is sealed to the same keys. @throws {SealedForOthers} when it is one that nobody has seen */
function withClusterSecretsOf(text: string, sealed: Rotation['sealed']): string {
  const loaded = loadManifest('Cluster', CLUSTER_FILE, text);
  return (loaded.ok ? sealedOfCluster(loaded.value) : []).reduce((changed, {path, value}) => {
    if (!sealed.has(value)) throw new SealedForOthers();
    const now = sealed.get(value);
    return now === undefined ? changed : setLines(changed, path, now) ?? changed;
  }, text);
}

/** What is sealed in cluster.yaml itself. */
export function sealedOfCluster({registry, forge, tls}: ClusterManifest): readonly {readonly path: readonly string[]; readonly value: string}[] {
  const [password, key] = [registry?.password, tls?.acme?.eab?.key];
  return [
    ...(password === undefined ? [] : [{path: ['registry', 'password'], value: password}]),
    ...(['token', 'hookSecret'] as const).flatMap((field) => (forge?.[field] === undefined ? [] : [{path: ['forge', field], value: forge[field]}])),
    ...(key === undefined ? [] : [{path: ['tls', 'acme', 'eab', 'key'], value: key}]),
  ];
}

/** Undefined: the file is wrong, or written in a way that no tool can edit. @throws {SealedForOthers} when it has a value that nobody has seen */
export function resealed(file: string, original: string, sealed: Rotation['sealed']): string | undefined {
  const before = loadManifest('Secrets', file, original);
  if (!before.ok) return undefined;
  let text = original;
  for (const {path, value} of sealedValues(before.value)) {
    if (!sealed.has(value)) throw new SealedForOthers();
    const now = sealed.get(value);
    if (now !== undefined) text = setLines(text, path, now) ?? text;
  }
  const after = loadManifest('Secrets', file, text);
  return after.ok && isDeepStrictEqual(after.value, withValues(before.value, sealed)) ? text : undefined;
}

function changeRecipients({recipients, from, to}: Rotation): Edit {
  if (from === undefined) return addRecipients([to]);
  return (read) => {
    const text = setScalar(read(CLUSTER_FILE) ?? '', ['recipients', String(recipients.indexOf(from))], to);
    const wanted = recipients.map((recipient) => (recipient === from ? to : recipient));
    if (text === undefined || !isDeepStrictEqual(recipientsIn(() => text), wanted)) throw new EditRefused(`${CLUSTER_FILE} can't be edited by a tool: put ${to} in the place of ${from} by hand`);
    return {[CLUSTER_FILE]: text};
  };
}

function withValues(manifest: SecretsManifest, sealed: Rotation['sealed']): SecretsManifest {
  const changed = (env: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(env).map(([name, value]) => [name, sealed.get(value) ?? value]));
  const {env, services} = manifest;
  return {
    ...manifest,
    ...(env !== undefined && {env: changed(env)}),
    ...(services !== undefined && {services: Object.fromEntries(Object.entries(services).map(([name, service]) => [name, {...service, ...(service.env !== undefined && {env: changed(service.env)})}]))}),
  };
}
