import * as openid from 'openid-client';
import {Failure} from '../command.ts';
import {loadContexts, lockOf, saveContexts, type SignedIn, withCluster} from '../context.ts';
import {locked} from '../locked.ts';
import type {Cluster} from '../which-cluster.ts';
import {connectProvider, refusalCode, saying, tokensIn} from './provider.ts';

/** A token that ends earlier than this is as good as ended: the request has to get there, and clocks differ. */
const LEFT_MS_MIN = 30_000;

/**
 * The same cluster with an ID token that is good now. The next one is got with the refresh token, which most providers take once only: commands that run at the same time wait
 * for each other. Throws `Failure` when one has to log in again.
 */
export async function renewed<C extends Cluster>(cluster: C, signedIn: SignedIn, signal: AbortSignal): Promise<C> {
  if (isGood(cluster.token)) return cluster;
  return locked(lockOf(cluster.file), async () => {
    const contexts = await loadContexts(cluster.file);
    const known = contexts.clusters[cluster.name];
    // Somebody else has done it.
    if (known !== undefined && isGood(known.token)) return {...cluster, token: known.token};
    const {refreshToken} = known?.oidc ?? signedIn;
    if (known === undefined || refreshToken === undefined) throw ended(cluster, signedIn);
    const {config} = await connectProvider(signedIn, signal);
    const answer = await saying(signedIn.issuer, openid.refreshTokenGrant(config, refreshToken), signal).catch((error: unknown) => {
      throw refusalCode(error) === 'invalid_grant' ? ended(cluster, signedIn) : error;
    });
    const {idToken, refreshToken: next = refreshToken} = tokensIn(answer, signedIn);
    await saveContexts(cluster.file, withCluster(contexts, cluster.name, {...known, token: idToken, oidc: {...signedIn, refreshToken: next}}));
    return {...cluster, token: idToken};
  }, signal);
}

/** Tells the provider that the refresh token is not needed any more (RFC 7009). */
export async function revoke(signedIn: SignedIn, signal: AbortSignal): Promise<void> {
  if (signedIn.refreshToken === undefined) return;
  const {config} = await connectProvider(signedIn, signal);
  if (config.serverMetadata().revocation_endpoint === undefined) return;
  await saying(signedIn.issuer, openid.tokenRevocation(config, signedIn.refreshToken), signal);
}

function ended({url}: Cluster, {issuer}: SignedIn): Failure {
  return new Failure(`you are not signed in at ${issuer} any more`, {advice: [`sign in again: flynn login ${url}`]});
}

/** By what it says of itself: the cluster looks at the rest. */
function isGood(token: string): boolean {
  try {
    const {exp} = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {readonly exp?: unknown};
    return typeof exp === 'number' && exp * 1000 - Date.now() > LEFT_MS_MIN;
  } catch {
    return false;
  }
}
