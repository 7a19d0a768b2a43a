import * as openid from 'openid-client';
import {anySignal} from '../../reconciler/any-signal.ts';
import type {ProviderManifest} from '../../schemas/oidc.ts';
import {type CommandContext, Failure} from '../command.ts';
import {signInByBrowser} from './by-browser.ts';
import {connectProvider, consentFor, refusalCode, saying, tokensIn, type Provider, type Tokens} from './provider.ts';

/** What a provider says to a client that may not have the device flow (RFC 6749, 5.2): another way may do. */
const NOT_FOR_DEVICES: ReadonlySet<string> = new Set(['unauthorized_client', 'invalid_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_request']);

/** Signs somebody in at an identity provider. `way`: `device` where it can be chosen, a code that is typed in at any browser; `browser`: one on this machine. Throws `Failure`. */
export async function signIn(manifest: ProviderManifest, way: 'any' | 'browser', context: CommandContext, signal: AbortSignal): Promise<Tokens> {
  const provider = await connectProvider(manifest, signal);
  const device = way === 'any' ? await startDevice(provider, signal) : undefined;
  return device === undefined ? signInByBrowser(provider, context, signal) : signInByDevice(provider, device, context, signal);
}

/** Device authorization grant (RFC 8628). Undefined: the provider, or this client of it, has none. */
async function startDevice({manifest: {issuer}, config, scope}: Provider, signal: AbortSignal): Promise<openid.DeviceAuthorizationResponse | undefined> {
  if (config.serverMetadata().device_authorization_endpoint === undefined) return undefined;
  try {
    return await saying(issuer, openid.initiateDeviceAuthorization(config, {scope, ...consentFor(scope)}), signal);
  } catch (error) {
    if (NOT_FOR_DEVICES.has(refusalCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function signInByDevice({manifest, config}: Provider, device: openid.DeviceAuthorizationResponse, {err}: CommandContext, signal: AbortSignal): Promise<Tokens> {
  err(`To sign in at ${manifest.issuer}, open this page in a browser, on any machine:`);
  err(`  ${device.verification_uri_complete ?? device.verification_uri}`);
  err(`It has to show, or to be given, the code ${device.user_code}`);
  const until = anySignal([signal, AbortSignal.timeout(device.expires_in * 1000)]);
  const signed = await saying(manifest.issuer, openid.pollDeviceAuthorizationGrant(config, device, undefined, {signal: until}), signal).catch((error: unknown) => {
    if (until.aborted) throw new Failure(`nobody has signed in within ${Math.round(device.expires_in / 60)} minutes`);
    throw error;
  });
  return tokensIn(signed, manifest);
}
