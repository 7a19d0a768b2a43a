import {readUsers, type User} from '../../schemas/users.ts';
import type {RouteStructure} from '../observed/structure.ts';
import type {RouteSecrets} from '../router/caddy/options.ts';

/** What opens secrets, for who loads a configuration. */
export interface SecretOpener {
  /** Rejects when this node can't. */
  open(sealed: string): Promise<string>;
  /** A key of this node's own for one purpose: the same each time, and of no use for any other. */
  deriveKey(purpose: string): Promise<string>;
}

/**
 * Everything that a configuration needs opened. A secret that can't be opened or read lets nobody in: one app's secret must not keep the
 * routes of others from being loaded, and its owner has been told already.
 */
export async function openRouteSecrets({hosts}: RouteStructure, opener: SecretOpener): Promise<RouteSecrets> {
  const options = hosts.flatMap(({paths}) => paths.flatMap(({options: own}) => own ?? []));
  const isSticky = options.some(({stickyCookie}) => stickyCookie !== undefined);
  const sealed = new Set(options.flatMap(({basicAuth}) => basicAuth?.sealedUsers ?? []));
  const users = await Promise.all([...sealed].map(async (one) => [one, await usersIn(one, opener)] as const));
  return {cookieKey: isSticky ? await opener.deriveKey('cookies of sticky routes') : '', users: Object.fromEntries(users)};
}

async function usersIn(sealed: string, opener: SecretOpener): Promise<readonly User[]> {
  const text = await opener.open(sealed).catch(() => undefined);
  const users = text === undefined ? undefined : readUsers(text);
  return users?.ok === true ? users.value : [];
}
