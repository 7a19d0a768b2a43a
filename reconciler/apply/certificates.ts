import {mkdir, readdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {isKeyOf} from '../../schemas/pem.ts';
import type {Engine} from '../adapters/engine.ts';
import {readIfThere, replaceFile} from '../adapters/files.ts';
import {anySignal} from '../any-signal.ts';
import type {Layout} from '../layout.ts';
import type {OrderFailure} from '../observed/certified.ts';
import type {ActionOf} from '../plan/action.ts';
import {renderOrderConfig} from '../router/caddy/tls.ts';
import {orderFiles, ownCertificateFiles, routerFiles} from '../router/files.ts';
import type {NodeSettings} from '../settings.ts';

export interface CertificateWorld {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  readonly engine: Pick<Engine, 'exec'>;
  /** @throws {Error} when it can't be opened */
  openSecret(sealed: string): Promise<string>;
  /** This host's certificate is another one now. */
  onIssued(host: string): void;
}

/** An authority may let wait: Let's Encrypt takes 2 to 20 s. */
const ORDER_SECONDS_MAX = 120;
const CAUSE_LENGTH_MAX = 400;

/**
 * Runs an order until it has come to an end, one way or the other. Caddy (2.6.2) would go on trying; that is the plan's to say. Its log is the
 * answer. `$1` is its configuration, `$2` its log.
 */
const ORDER_SCRIPT = `
caddy run --config "$1" >"$2" 2>&1 &
pid=$!
left=${ORDER_SECONDS_MAX * 10}
while [ $left -gt 0 ] && kill -0 $pid 2>/dev/null; do
  grep -qE '"(certificate (obtained|renewed) successfully|will retry|could not get certificate from issuer)"' "$2" && break
  sleep 0.1
  left=$((left - 1))
done
kill $pid 2>/dev/null
wait $pid 2>/dev/null
`;

/** Makes the folders, and takes away what an order that was killed has left: it holds keys. */
export async function prepareCertificateFiles(layout: Layout): Promise<void> {
  const files = routerFiles(layout);
  for (const folder of [files.ownCertificates, files.orders, files.redirects]) await mkdir(folder, {recursive: true, mode: 0o700});
  for (const name of await readdir(files.orders)) if (!name.endsWith('.failed')) await rm(path.join(files.orders, name), {force: true});
}

/** Writes the two files of one of people's own certificates, the key last: both are there, or it is not. Rejects when the key is another one's. */
export async function writeCertificate({id, name, chain, sealedKey}: ActionOf<'write-certificate'>, {layout, openSecret}: CertificateWorld, signal: AbortSignal): Promise<void> {
  const key = await openSecret(sealedKey);
  if (!isKeyOf(key, chain)) throw new Error(`the key in certificates/${name}.yaml is not that of its certificate`);
  const files = ownCertificateFiles(routerFiles(layout), id);
  await replaceFile(files.certificate, chain, signal);
  await replaceFile(files.key, key, signal);
}

export async function removeCertificate(id: string, {layout}: Pick<CertificateWorld, 'layout'>): Promise<void> {
  const {certificate, key} = ownCertificateFiles(routerFiles(layout), id);
  for (const file of [key, certificate]) await rm(file, {force: true});
}

/** Orders a certificate, once. Caddy's storage has it when this resolves; what came in its way is remembered when it rejects. */
export async function orderCertificate({host, acme, router}: ActionOf<'order-certificate'>, {settings, layout, engine, openSecret, onIssued}: CertificateWorld, signal: AbortSignal): Promise<void> {
  const files = routerFiles(layout);
  const {config, ca, log, failed} = orderFiles(files, host);
  try {
    const macKey = acme.eab === undefined ? undefined : await openSecret(acme.eab.sealedKey);
    if (acme.ca !== undefined) await replaceFile(ca, acme.ca, signal);
    await replaceFile(config, JSON.stringify(renderOrderConfig(settings, files, {host, acme, caFile: ca, ...(macKey !== undefined && {macKey})})), signal);
    await engine.exec(router, ['sh', '-c', ORDER_SCRIPT, 'order', config, log], anySignal([signal, AbortSignal.timeout((ORDER_SECONDS_MAX + 30) * 1000)]));
    const output = await readIfThere(log, signal) ?? '';
    if (/"certificate (obtained|renewed) successfully"/.test(output)) {
      await rm(failed, {force: true});
      onIssued(host);
      return;
    }
    const cause = causeIn(output);
    await replaceFile(failed, JSON.stringify(await nextFailure(failed, {cause, directory: acme.directory}, signal)), signal);
    throw new Error(cause);
  } finally {
    for (const file of [config, ca, log]) await rm(file, {force: true});
  }
}

/** Hosts of these files are redirected from now on, and no others. */
export async function publishRedirects(entries: readonly string[], {layout}: Pick<CertificateWorld, 'layout'>): Promise<void> {
  const {redirects} = routerFiles(layout);
  const before = new Set(await readdir(redirects));
  for (const entry of entries) {
    if (!before.delete(entry)) await writeFile(path.join(redirects, entry), '');
  }
  for (const entry of before) await rm(path.join(redirects, entry), {force: true, recursive: true});
}

async function nextFailure(file: string, {cause, directory}: Pick<OrderFailure, 'cause' | 'directory'>, signal: AbortSignal): Promise<OrderFailure> {
  const before = JSON.parse(await readIfThere(file, signal).catch(() => undefined) ?? '{}') as Partial<OrderFailure>;
  const failures = before.directory === directory ? before.failures ?? 0 : 0;
  return {failures: failures + 1, atMs: Date.now(), cause, directory};
}

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly error?: string;
  readonly challenge_type?: string;
}

/** What the authority said, as Caddy's log has it: of each kind of proof why it was none, or else why it did not come to that. */
function causeIn(output: string): string {
  const lines = output.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
  const errors = lines.filter(({level}) => level === 'error');
  const proofs = errors.flatMap(({challenge_type: kind, error}) => (kind === undefined || error === undefined ? [] : [`${kind}: ${error}`]));
  const said = proofs.length > 0 ? [...new Set(proofs)].join('; ') : errors.find(({msg}) => msg === 'could not get certificate from issuer')?.error ?? errors.at(-1)?.error;
  if (said !== undefined) return said.slice(0, CAUSE_LENGTH_MAX);
  const first = output.trim().split('\n').at(-1)?.slice(0, CAUSE_LENGTH_MAX);
  return lines.length > 0 ? `the authority did not answer within ${ORDER_SECONDS_MAX} s` : `caddy could not be started: ${first ?? 'it says nothing'}`;
}
