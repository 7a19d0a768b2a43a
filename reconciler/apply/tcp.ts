import {mkdir, readdir, rm} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as wait} from 'node:timers/promises';
import {HaproxyRefused, type HaproxyControl} from '../adapters/haproxy.ts';
import {readIfThere, replaceFile} from '../adapters/files.ts';
import type {Layout} from '../layout.ts';
import type {TcpStructure} from '../observed/ports.ts';
import {issuerKey} from '../router/caddy/tls.ts';
import {haproxyCertificateFile, issuedCertificateFiles, ownCertificateFiles, routerFiles, type RouterFiles} from '../router/files.ts';
import {renderHaproxyConfig, tcpStructureIn} from '../router/haproxy-config.ts';
import {REFRESH_MS} from '../router/times.ts';
import type {NodeSettings} from '../settings.ts';

export interface TcpWorld {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly haproxy: HaproxyControl;
}

/** By then a new worker has asked the DNS server: it goes on with a replica that has left only when it has seen it there. */
const WORKER_ASKS_MS = 3 * REFRESH_MS;

/**
 * Makes HAProxy run this structure, now and after a restart; one that does not run will start with it. Connections stay with the worker that has
 * them. A structure that it refuses leaves everything as it was.
 */
export async function loadTcp(structure: TcpStructure, {settings, layout, haproxy}: TcpWorld, signal: AbortSignal): Promise<void> {
  const files = routerFiles(layout);
  // A worker that knew no addresses at first would refuse connections until the DNS server has answered it.
  const state = await haproxy.serversState(signal).catch(() => undefined);
  signal.throwIfAborted();
  if (state !== undefined) await replaceFile(files.haproxyState, `${state.trim()}\n`, signal);
  const before = await readIfThere(files.haproxyConfig, signal);
  const inUse = await writeCertificates(structure, files, signal);
  await replaceFile(files.haproxyConfig, renderHaproxyConfig(settings, files, structure), signal);
  // Nobody to tell: it is not there yet, or is just being started.
  if (state === undefined) return;
  try {
    await haproxy.reload(signal);
    await wait(WORKER_ASKS_MS, undefined, {signal});
    // Old workers have theirs in memory.
    for (const name of await readdir(files.haproxyCertificates)) if (!inUse.has(name)) await rm(path.join(files.haproxyCertificates, name), {force: true});
  } catch (error) {
    if (error instanceof HaproxyRefused && before !== undefined) await replaceFile(files.haproxyConfig, before, signal);
    throw error;
  }
}

/** Puts the certificates that a structure names where HAProxy reads them, and resolves to the files' names. Rejects when one is not there any more. */
async function writeCertificates(structure: TcpStructure, files: RouterFiles, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const certificates = structure.flatMap(({backends}) => backends.flatMap(({certificate}) => certificate ?? []));
  await mkdir(files.haproxyCertificates, {recursive: true, mode: 0o700});
  for (const certificate of certificates) {
    const {certificate: chainFile, key: keyFile} = certificate.kind === 'own' ? ownCertificateFiles(files, certificate.id) : issuedCertificateFiles(files, issuerKey(certificate.directory), certificate.host);
    const [chain, key] = await Promise.all([chainFile, keyFile].map((file) => readIfThere(file, signal)));
    if (chain === undefined || key === undefined) throw new Error(`the files of the certificate ${path.basename(chainFile)} are gone`);
    await replaceFile(haproxyCertificateFile(files, certificate), `${chain.trim()}\n${key.trim()}\n`, signal);
  }
  return new Set(certificates.map((certificate) => path.basename(haproxyCertificateFile(files, certificate))));
}

/** Writes what HAProxy starts from, for today's settings and the ports that it had. */
export async function prepareTcpFiles({settings, layout}: Pick<TcpWorld, 'settings' | 'layout'>, signal: AbortSignal): Promise<void> {
  const files = routerFiles(layout);
  await mkdir(layout.haproxy, {recursive: true, mode: 0o700});
  if (await readIfThere(files.haproxyState, signal) === undefined) await replaceFile(files.haproxyState, '1\n', signal);
  const before = await readIfThere(files.haproxyConfig, signal);
  await replaceFile(files.haproxyConfig, renderHaproxyConfig(settings, files, tcpStructureIn(before ?? '') ?? []), signal);
}
