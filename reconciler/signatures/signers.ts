import {accessOf, NOBODY, type Access, type Person} from '../access/access.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {loadManifest} from '../../schemas/load.ts';
import {isPgpKey} from '../../schemas/signing-keys.ts';
import {parseSshKey} from '../../schemas/ssh-key.ts';
import {fingerprintOf} from './ssh-signature.ts';

/** Whose signatures count, by the files of one commit. */
export interface Signers {
  readonly isRequired: boolean;
  readonly access: Access;
  /** Of SSH, by the fingerprints of their keys. */
  readonly ssh: ReadonlyMap<string, Signer>;
  readonly pgp: readonly PgpSigner[];
}

export interface PgpSigner {
  readonly armored: string;
  readonly signer: Signer;
}

export type Signer =
  | {readonly kind: 'person'; readonly person: Person}
  | {readonly kind: 'node'; readonly node: string}
  /** The forge that the repository lives at. */
  | {readonly kind: 'forge'};

const NODE_FILE = /^nodes\/([^/]+)\.yaml$/;

/** None: nothing has to be signed. */
export const NO_SIGNERS: Signers = {isRequired: false, access: NOBODY, ssh: new Map(), pgp: []};

/** What is wrong counts for nothing; a key that two have is nobody's. */
export function signersOf(files: readonly ManifestFile[]): Signers {
  const {access} = accessOf(files);
  const cluster = manifestOf('Cluster', files.find(({path}) => path === 'cluster.yaml'));
  const ssh = new Map<string, Signer>();
  const twice = new Set<string>();
  const pgp: PgpSigner[] = [];
  const add = (text: string, signer: Signer) => {
    if (isPgpKey(text)) {
      pgp.push({armored: text, signer});
      return;
    }
    const key = parseSshKey(text);
    if (typeof key === 'string') return;
    const fingerprint = fingerprintOf(key.blob);
    if (ssh.has(fingerprint)) twice.add(fingerprint);
    ssh.set(fingerprint, signer);
  };
  for (const [node, key] of nodeKeysIn(files)) add(key, {kind: 'node', node});
  for (const file of files) {
    const user = /^people\/([^/]+)\.yaml$/.exec(file.path)?.[1];
    const person = user === undefined ? undefined : access.people.get(user);
    if (person === undefined) continue;
    for (const key of manifestOf('Person', file)?.signingKeys ?? []) add(key, {kind: 'person', person});
  }
  for (const key of cluster?.commits?.forgeKeys ?? []) add(key, {kind: 'forge'});
  for (const fingerprint of twice) ssh.delete(fingerprint);
  return {isRequired: cluster?.commits?.signed === 'required', access, ssh, pgp};
}

/** What nodes sign with, by their names. */
export function nodeKeysIn(files: readonly ManifestFile[]): ReadonlyMap<string, string> {
  return new Map(files.flatMap((file) => {
    const node = NODE_FILE.exec(file.path)?.[1];
    const key = node === undefined ? undefined : manifestOf('Node', file)?.signingKey;
    return node === undefined || key === undefined ? [] : [[node, key] as const];
  }));
}

function manifestOf<K extends 'Cluster' | 'Node' | 'Person'>(kind: K, file: ManifestFile | undefined) {
  if (file?.kind !== 'text') return undefined;
  const loaded = loadManifest(kind, file.path, file.text);
  return loaded.ok ? loaded.value : undefined;
}
