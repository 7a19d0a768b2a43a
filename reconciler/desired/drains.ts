import type {DrainManifest} from '../../schemas/drains.ts';
import type {Problem} from '../../schemas/schema.ts';
import type {AppSecrets} from './secrets.ts';
import type {DesiredDrain} from './state.ts';

/** Drains with their secrets, still sealed. A secret that there is none of is a problem. */
export function resolveDrains(drains: readonly DrainManifest[] = [], {env}: Pick<AppSecrets, 'env'>): {readonly drains: readonly DesiredDrain[]; readonly problems: readonly Problem[]} {
  const problems = drains.flatMap(({secretHeaders = {}}, index) => Object.entries(secretHeaders).flatMap(([header, name]): readonly Problem[] => (
    Object.hasOwn(env, name) ? [] : [{path: ['drains', index, 'secretHeaders', header], message: `secrets.yaml has no "${name}" in its env`}]
  )));
  return {
    problems,
    drains: drains.map(({url, headers, secretHeaders, verify, ca}): DesiredDrain => ({
      url,
      ...(headers !== undefined && {headers}),
      ...(secretHeaders !== undefined && {sealedHeaders: Object.fromEntries(Object.entries(secretHeaders).map(([header, name]) => [header, env[name]?.sealed ?? '']))}),
      ...(verify !== undefined && {verify}),
      ...(ca !== undefined && {ca}),
    })),
  };
}
