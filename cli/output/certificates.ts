import type {CertificateStatus} from '../../reconciler/node.ts';
import {table} from './table.ts';

const DAY_MS = 24 * 60 * 60_000;

/** `flynn cert`. `nowMs`: milliseconds since 1970. */
export function certificateTable(all: readonly CertificateStatus[], nowMs: number): readonly string[] {
  return table([
    ['HOST', 'APP', 'FROM', 'UNTIL', 'HTTP', ''],
    ...all.map(({host, app, source, name, issuer, notAfter, isRedirected, problem}) => [
      host,
      app ?? '-',
      {own: `${issuer ?? 'unknown'} (${name})`, acme: issuer ?? 'ACME', internal: 'this cluster', none: '-'}[source],
      notAfter === undefined ? '-' : `${notAfter.slice(0, 10)} (${daysTo(notAfter, nowMs)})`,
      source === 'own' && app === undefined ? '-' : isRedirected === true ? 'redirected' : 'answered',
      problem ?? '',
    ]),
  ]);
}

function daysTo(at: string, nowMs: number): string {
  const left = Date.parse(at) - nowMs;
  return left < 0 ? 'ended' : left < DAY_MS ? `${Math.floor(left / 3_600_000)}h` : `${Math.floor(left / DAY_MS)}d`;
}
