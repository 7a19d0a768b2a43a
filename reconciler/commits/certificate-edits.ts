import {isDeepStrictEqual} from 'node:util';
import {stringify} from 'yaml';
import {certificateFile, certificateNameOf} from '../../schemas/certificate.ts';
import {loadManifest} from '../../schemas/load.ts';
import {API_VERSION} from '../../schemas/schema.ts';
import type {AcmeManifest} from '../../schemas/tls.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {CLUSTER_FILE} from './edits.ts';
import {recipientsIn, SealedForOthers} from './env-edits.ts';
import {removeKey, setLines, setScalar} from './yaml-edit.ts';

const HEADER = '# yaml-language-server: $schema=../.flynn/schemas/certificate.schema.json\n';

export interface NewCertificate {
  readonly name: string;
  readonly certificate: string;
  /** Sealed. */
  readonly key: string;
  /** As cluster.yaml had them when the key was sealed. */
  readonly recipients: readonly string[];
}

/** Writes one of people's own certificates, in the place of the one that has its name. */
export function writeCertificateFile({name, certificate, key, recipients}: NewCertificate): Edit {
  return (read) => {
    if (!isDeepStrictEqual(recipientsIn(read), recipients)) throw new SealedForOthers();
    const file = certificateFile(name);
    const before = loadManifest('Certificate', file, read(file) ?? '');
    // A key that is sealed anew is another text each time; it belongs to its certificate.
    if (before.ok && before.value.certificate.trim() === certificate.trim()) return {};
    return {[file]: HEADER + stringify({apiVersion: API_VERSION, kind: 'Certificate', certificate, key}, {lineWidth: 0})};
  };
}

export function removeCertificateFile(name: string): Edit {
  return (read, list) => {
    const file = certificateFile(name);
    if (read(file) === undefined) {
      const known = list('certificates').flatMap((entry) => certificateNameOf(`certificates/${entry}`) ?? []);
      throw new EditRefused(`there is no certificate "${name}": ${known.length === 0 ? 'none was added' : `known are ${known.join(', ')}`}`);
    }
    return {[file]: undefined};
  };
}

/** Names the authority that certificates are ordered from, or none. */
export function setAcme(acme: AcmeManifest | undefined, recipients: readonly string[]): Edit {
  return (read) => {
    if (acme?.eab !== undefined && !isDeepStrictEqual(recipientsIn(read), recipients)) throw new SealedForOthers();
    const original = read(CLUSTER_FILE) ?? '';
    const before = loadManifest('Cluster', CLUSTER_FILE, original);
    if (!before.ok) throw new EditRefused(`${CLUSTER_FILE} has to be put right first`);
    const {tls = {}} = before.value;
    const {acme: old, ...others} = tls;
    if (isDeepStrictEqual(old, acme)) return {};
    let text = old === undefined ? original : removeKey(original, ['tls', 'acme']) ?? original;
    const {ca, eab, ...plain} = acme ?? {};
    for (const [field, value] of Object.entries(plain)) text = setScalar(text, ['tls', 'acme', field], value) ?? text;
    if (eab !== undefined) text = setLines(setScalar(text, ['tls', 'acme', 'eab', 'keyId'], eab.keyId) ?? text, ['tls', 'acme', 'eab', 'key'], eab.key) ?? text;
    if (ca !== undefined) text = setLines(text, ['tls', 'acme', 'ca'], ca) ?? text;
    const wanted = {...others, ...(acme !== undefined && {acme})};
    const {tls: _, ...rest} = before.value;
    const after = loadManifest('Cluster', CLUSTER_FILE, text);
    if (!after.ok || !isDeepStrictEqual(after.value, {...rest, ...(Object.keys(wanted).length > 0 && {tls: wanted})})) throw new EditRefused(`${CLUSTER_FILE} can't be edited by a tool, because of how its YAML is shared or written: change tls by hand`);
    return {[CLUSTER_FILE]: text};
  };
}

/** Those files of `certificates/` whose key is sealed anew, by their paths. `read` and `list` as of an edit. @throws {SealedForOthers} when one has a key that nobody has seen */
export function resealedCertificates(sealed: ReadonlyMap<string, string | undefined>, [read, list]: Parameters<Edit>): Readonly<Record<string, string>> {
  const files = list('certificates').map((entry) => `certificates/${entry}`).filter((path) => certificateNameOf(path) !== undefined);
  const texts = files.map((file) => [file, read(file) ?? ''] as const);
  return Object.fromEntries(texts.flatMap(([file, text]) => {
    const loaded = loadManifest('Certificate', file, text);
    if (!loaded.ok) return [];
    if (!sealed.has(loaded.value.key)) throw new SealedForOthers();
    const now = sealed.get(loaded.value.key);
    const after = now === undefined ? undefined : setLines(text, ['key'], now);
    return after === undefined || after === text ? [] : [[file, after] as const];
  }));
}
