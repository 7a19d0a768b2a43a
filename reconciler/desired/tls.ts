import {CERTIFICATE_NAME_PATTERN, certificateNameOf} from '../../schemas/certificate.ts';
import {formatDiagnostic, type Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import {RESERVED_APP_NAMES} from '../../schemas/names.ts';
import {readChain} from '../../schemas/pem.ts';
import {ACME_DIRECTORY_DEFAULT, hstsHeader, type TlsManifest} from '../../schemas/tls.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import type {DesiredAcme, DesiredCertificate, DesiredTls} from './certificates-state.ts';
import type {Opened} from './secrets.ts';

/**
 * How hosts get their certificates, by cluster.yaml and the files in `certificates/`. A file that is wrong costs its own hosts their certificate
 * and nobody else anything: it is told with its place, and left out.
 */
export function resolveTls(tls: TlsManifest | undefined, files: readonly ManifestFile[], {domain, opened}: {domain: string; opened?: Opened | undefined}): DesiredTls | undefined {
  const certificates = files.filter(({path}) => certificateNameOf(path) !== undefined).map((file) => resolveCertificate(file, opened));
  if (tls === undefined && certificates.length === 0) return undefined;
  return {
    ...(tls?.acme && {acme: resolveAcme(tls.acme)}),
    internal: (tls?.internal ?? []).toSorted(),
    platformHosts: RESERVED_APP_NAMES.slice(0, 2).map((name) => `${name}.${domain}`),
    ...(tls?.hsts && {hsts: hstsHeader(tls.hsts)}),
    certificates: certificates.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Every mistake in one file of `certificates/`, but for its key, which nobody here can open. */
export function problemsOfCertificate(file: ManifestFile): readonly Diagnostic[] {
  const at = (message: string) => [{file: file.path, line: 1, column: 1, message}];
  const name = certificateNameOf(file.path);
  if (name === undefined || !new RegExp(CERTIFICATE_NAME_PATTERN).test(name)) return at(`is not read: a certificate is a file certificates/<name>.yaml, its name being of small letters, digits, dots and dashes`);
  if (file.kind === 'refused') return at(file.why);
  const loaded = loadManifest('Certificate', file.path, file.text);
  return loaded.ok ? [] : loaded.problem;
}

/** The values in `certificates/` that are sealed, for somebody who wants to open them. */
export function sealedKeysIn(files: readonly ManifestFile[]): readonly string[] {
  return files.flatMap((file) => {
    const loaded = file.kind === 'text' && certificateNameOf(file.path) !== undefined ? loadManifest('Certificate', file.path, file.text) : undefined;
    return loaded?.ok === true ? [loaded.value.key] : [];
  });
}

function resolveCertificate(file: ManifestFile, opened: Opened | undefined): DesiredCertificate {
  const name = certificateNameOf(file.path) ?? '';
  const [problem] = problemsOfCertificate(file);
  const loaded = file.kind === 'text' ? loadManifest('Certificate', file.path, file.text) : undefined;
  const read = loaded?.ok === true ? readChain(loaded.value.certificate) : undefined;
  if (problem !== undefined || loaded?.ok !== true || read?.ok !== true) {
    return {name, id: '', hosts: [], issuer: '', notBeforeMs: 0, notAfterMs: 0, chain: '', sealedKey: '', problem: problem === undefined ? 'can\'t be read' : formatDiagnostic(problem)};
  }
  const {key} = loaded.value;
  const result = opened?.get(key);
  const {pem, ...rest} = read.value;
  return {name, ...rest, chain: pem, sealedKey: key, ...(result?.ok === false && {problem: `${file.path}: its key can't be decrypted: ${result.problem}`})};
}

function resolveAcme({directory = ACME_DIRECTORY_DEFAULT, email, eab, ca}: NonNullable<TlsManifest['acme']>): DesiredAcme {
  return {
    directory,
    ...(email !== undefined && {email}),
    ...(eab && {eab: {keyId: eab.keyId, sealedKey: eab.key}}),
    ...(ca !== undefined && {ca}),
  };
}
