import type {Problem} from '../../schemas/schema.ts';
import {SOURCE_DEFAULTS, type FollowedSourceManifest} from '../../schemas/source.ts';
import type {AppSecrets} from './secrets.ts';
import type {FollowedSource} from './state.ts';

/** The followed source with its secrets, still sealed. A secret that there is none of is a problem. */
export function resolveSource(manifest: FollowedSourceManifest | undefined, {env}: Pick<AppSecrets, 'env'>): {readonly source?: FollowedSource; readonly problems: readonly Problem[]} {
  if (manifest === undefined) return {problems: []};
  const {git, branch = SOURCE_DEFAULTS.branch, path, intervalSeconds = SOURCE_DEFAULTS.intervalSeconds, tokenSecret, hookSecret} = manifest;
  const problems = Object.entries({tokenSecret, hookSecret}).flatMap(([field, name]): readonly Problem[] => (
    name === undefined || Object.hasOwn(env, name) ? [] : [{path: ['source', field], message: `secrets.yaml has no "${name}" in its env: flynn env set --secret ${name}`}]
  ));
  const sealed = (name: string | undefined) => (name === undefined || !Object.hasOwn(env, name) ? undefined : env[name]?.sealed);
  const [sealedToken, sealedHook] = [sealed(tokenSecret), sealed(hookSecret)];
  return {
    problems,
    source: {git, branch, intervalMs: intervalSeconds * 1000, ...(path !== undefined && {path}), ...(sealedToken !== undefined && {sealedToken}), ...(sealedHook !== undefined && {sealedHook})},
  };
}

/** What is there for the source alone is not for the app: a token that reads a repository has no business in a container. */
export function secretsOfApp(secrets: AppSecrets, {tokenSecret, hookSecret}: Partial<FollowedSourceManifest> = {}): AppSecrets {
  if (tokenSecret === undefined && hookSecret === undefined) return secrets;
  return {...secrets, env: Object.fromEntries(Object.entries(secrets.env).filter(([name]) => name !== tokenSecret && name !== hookSecret))};
}
