import {bytesOf} from '../../schemas/quantity.ts';
import {REALM_DEFAULT, STICKY_COOKIE_DEFAULT, type HeaderEditsManifest, type RouteOptionsManifest} from '../../schemas/route-options.ts';
import type {RouteManifest} from '../../schemas/routes.ts';
import type {Problem} from '../../schemas/schema.ts';
import type {AppSecrets} from './secrets.ts';
import type {HeaderEdits, RouteOptions} from './state.ts';

/** Undefined for a route that says nothing that differs from what every host has. Secrets stay sealed; one that is missing is told by `problemsOfAuth`. */
export function routeOptionsOf({balance, sticky, protocol, maxBody, timeouts, compress, headers, auth, allow, deny}: RouteOptionsManifest, {env}: Pick<AppSecrets, 'env'>): RouteOptions | undefined {
  const request = editsOf(headers?.request);
  const response = editsOf(headers?.response);
  const options: RouteOptions = {
    ...(balance !== undefined && balance !== 'random' && {balance}),
    ...(sticky !== undefined && sticky !== false && {stickyCookie: (sticky === true ? undefined : sticky.cookie) ?? STICKY_COOKIE_DEFAULT}),
    ...(protocol === 'h2c' && {isH2c: true}),
    ...(maxBody !== undefined && {bodyBytesMax: bytesOf(maxBody)}),
    ...(timeouts?.waitSeconds !== undefined && {waitMs: timeouts.waitSeconds * 1000}),
    ...(timeouts?.responseSeconds !== undefined && {responseMs: timeouts.responseSeconds * 1000}),
    ...(timeouts?.idleSeconds !== undefined && {idleMs: timeouts.idleSeconds * 1000}),
    ...(compress === true && {isCompressed: true}),
    ...(request && {request}),
    ...(response && {response}),
    ...(auth && {basicAuth: {realm: auth.basic.realm ?? REALM_DEFAULT, sealedUsers: env[auth.basic.users]?.sealed ?? ''}}),
    ...(allow && {allow: allow.toSorted()}),
    ...(deny && {deny: deny.toSorted()}),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}

/** Users that are in no secret, or in one that is not what it should be. */
export function problemsOfAuth(routes: readonly RouteManifest[], {env}: Pick<AppSecrets, 'env'>): readonly Problem[] {
  return routes.flatMap(({auth}, index): readonly Problem[] => {
    if (auth === undefined) return [];
    const name = auth.basic.users;
    const at = (message: string): readonly Problem[] => [{path: ['routes', index, 'auth', 'basic', 'users'], message}];
    if (!Object.hasOwn(env, name)) return at(`secrets.yaml has no "${name}" in its env: flynn env set --secret ${name}`);
    const problem = env[name]?.usersProblem;
    return problem === undefined ? [] : at(`the secret "${name}" has no users: ${problem}`);
  });
}

/** What is there for the router alone is not for the app's containers. */
export function secretsBesideAuth(secrets: AppSecrets, routes: readonly RouteManifest[] = []): AppSecrets {
  const names = new Set(routes.flatMap(({auth}) => (auth === undefined ? [] : [auth.basic.users])));
  if (names.size === 0) return secrets;
  return {...secrets, env: Object.fromEntries(Object.entries(secrets.env).filter(([name]) => !names.has(name)))};
}

function editsOf({set = {}, add = {}, remove = []}: HeaderEditsManifest = {}): HeaderEdits | undefined {
  const edits: HeaderEdits = {
    ...(Object.keys(set).length > 0 && {set}),
    ...(Object.keys(add).length > 0 && {add}),
    ...(remove.length > 0 && {remove}),
  };
  return Object.keys(edits).length === 0 ? undefined : edits;
}
