import {getJson} from '../adapters/get-json.ts';
import type {Access} from '../access/access.ts';
import {IdentityTokens} from '../oidc/tokens.ts';

/** Somebody waits for the answer; a provider's document and its keys are some 10 KiB. */
const ANSWER = {msMax: 5_000, bytesMax: 256 * 1024};

/** Tokens of identity providers, asked for their keys over the network until the signal. */
export function identityTokens(access: () => Access, signal: AbortSignal): IdentityTokens {
  return new IdentityTokens({access, ask: (url) => getJson(url, ANSWER, signal)});
}
