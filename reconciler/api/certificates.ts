import type {FastifyInstance} from 'fastify';
import {CERTIFICATE_NAME_PATTERN} from '../../schemas/certificate.ts';
import {loadManifest} from '../../schemas/load.ts';
import {isKeyOf, readChain, type Chain} from '../../schemas/pem.ts';
import {ACME_DIRECTORY_DEFAULT, type AcmeManifest} from '../../schemas/tls.ts';
import {anySignal} from '../any-signal.ts';
import {removeCertificateFile, setAcme, writeCertificateFile} from '../commits/certificate-edits.ts';
import {CLUSTER_FILE} from '../commits/edits.ts';
import {SealedForOthers} from '../commits/env-edits.ts';
import type {CertificateStatus} from '../node.ts';
import {seal} from '../secrets/keyring.ts';
import {noted} from './audit.ts';
import type {AcmeAnswer, AddedCertificate, Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError, explaining} from './problem.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const TRIES_MAX = 5;

interface AcmeWish {
  readonly directory?: string;
  readonly email?: string;
  readonly ca?: string;
  readonly eabKeyId?: string;
  readonly eabKey?: string;
}

/** Certificates: which there are, people's own, and the authority that the others are ordered from. Keys are sealed before they are in git, and in no answer. */
export function registerCertificateRoutes(server: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  const deadline = () => anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
  const clusterManifest = async () => {
    const signal = deadline();
    const shared = await explaining("can't read the cluster repository", view.repo.snapshot(signal).then((snapshot) => snapshot.shared.files(signal)));
    const file = shared.find(({path}) => path === CLUSTER_FILE);
    const cluster = file?.kind === 'text' ? loadManifest('Cluster', CLUSTER_FILE, file.text) : undefined;
    if (cluster?.ok !== true) throw new ApiError(409, `${CLUSTER_FILE} has to be put right first`);
    return cluster.value;
  };
  /** Sealed to recipients that may be others by the time of the commit: then it is done again. */
  const sealing = async <Answer>(what: string, value: string | undefined, make: (sealed: string, recipients: readonly string[]) => Promise<Answer>): Promise<Answer> => {
    for (let tries = 1; ; tries += 1) {
      const {recipients = []} = await clusterManifest();
      if (value !== undefined && recipients.length === 0) throw new ApiError(409, `cluster.yaml has no recipients to encrypt ${what} to: flynn env set --secret says how to add one`);
      try {
        return await make(value === undefined ? '' : await seal(value, recipients, 'cluster'), recipients);
      } catch (error) {
        if (!(error instanceof SealedForOthers) || tries === TRIES_MAX) throw error;
      }
    }
  };

  server.get('/certificates', async (): Promise<readonly CertificateStatus[]> => view.certificates.list());

  server.get('/certificates/root', async (): Promise<{readonly pem: string}> => {
    const pem = await explaining("can't read the certificate of the internal authority", view.certificates.root(deadline()));
    if (pem === undefined) throw new ApiError(404, 'the internal authority has not certified anything yet: open one of the hosts by https:// first');
    return {pem};
  });

  server.post<{Body: {certificate: string; key: string; host?: string}}>('/certificates', async (request): Promise<AddedCertificate> => {
    const {certificate, key, host} = request.body;
    const chain = readChain(certificate);
    if (!chain.ok) throw new ApiError(400, `the certificate ${chain.problem}`);
    const name = nameFor(chain.value, key, host);
    const written = await sealing('the key', key, async (sealed, recipients) => commit(request, {
      edit: writeCertificateFile({name, certificate: chain.value.pem, key: sealed, recipients}),
      message: `cluster: certificate for ${chain.value.hosts.join(', ')}`,
    }));
    return {...written, name, hosts: chain.value.hosts, notAfter: new Date(chain.value.notAfterMs).toISOString()};
  });

  server.post<{Body: {name: string}}>('/certificates/remove', async (request): Promise<Written> => {
    const {name: wanted} = request.body;
    const name = fileName(wanted);
    return commit(request, {edit: removeCertificateFile(name), message: `cluster: remove the certificate ${wanted}`});
  });

  server.post<{Body: {host: string}}>('/certificates/retry', async (request): Promise<{readonly host: string}> => {
    const {host} = request.body;
    await noted(request, {view, authenticate}, {action: 'cert retry', subject: host});
    await view.certificates.retry(host);
    return {host};
  });

  server.get('/acme', async (): Promise<AcmeAnswer> => {
    const {acme} = (await clusterManifest()).tls ?? {};
    if (acme === undefined) return {};
    const {eab, ca, ...rest} = acme;
    return {acme: {...rest, ...(eab && {eabKeyId: eab.keyId}), hasCa: ca !== undefined}};
  });

  server.post<{Body: AcmeWish}>('/acme', async (request): Promise<Written> => {
    const {directory = ACME_DIRECTORY_DEFAULT, email, ca, eabKeyId: keyId, eabKey: key} = request.body;
    if ((keyId === undefined) !== (key === undefined)) throw new ApiError(400, 'eabKeyId and eabKey come together');
    return sealing('the key', key, async (sealed, recipients) => {
      const acme: AcmeManifest = {directory, ...(email !== undefined && {email}), ...(keyId !== undefined && {eab: {keyId, key: sealed}}), ...(ca !== undefined && {ca: `${ca.trim()}\n`})};
      return commit(request, {edit: setAcme(acme, recipients), message: `cluster: certificates are ordered from ${directory}`});
    });
  });

  server.post<{Body: unknown}>('/acme/remove', async (request): Promise<Written> => commit(request, {edit: setAcme(undefined, []), message: 'cluster: no certificates are ordered'}));
}

/** What the file is called. @throws {ApiError} when key or host do not fit, or the certificate has ended */
function nameFor({hosts, notAfterMs, pem}: Chain, key: string, host: string | undefined): string {
  if (!isKeyOf(key, pem)) throw new ApiError(400, 'the key is not that of the certificate: it has to be its private key in PEM, without a passphrase');
  if (host !== undefined && !hosts.includes(host) && !hosts.includes(host.replace(/^[^.]+/, '*'))) throw new ApiError(400, `the certificate is not for "${host}", but for ${hosts.join(', ')}`);
  if (notAfterMs < Date.now()) throw new ApiError(400, `the certificate has ended, at ${new Date(notAfterMs).toISOString()}`);
  return fileName(host ?? hosts[0] ?? '');
}

function fileName(host: string): string {
  const name = host.replace(/^\*/, '_');
  if (!new RegExp(CERTIFICATE_NAME_PATTERN).test(name)) throw new ApiError(400, `"${host}" is no name of a certificate: it has to be like shop.example.com or *.example.com`);
  return name;
}
