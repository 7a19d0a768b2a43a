import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import * as openid from 'openid-client';
import {anySignal} from '../../reconciler/any-signal.ts';
import {openInBrowser} from '../browser.ts';
import {type CommandContext, Failure} from '../command.ts';
import {consentFor, saying, tokensIn, type Provider, type Tokens} from './provider.ts';

const SIGN_IN_MS_MAX = 10 * 60_000;
const CALLBACK = '/callback';

/** Authorization code with PKCE (RFC 7636), the browser coming back to a port of this machine's own (RFC 8252, 7.3). */
export async function signInByBrowser({manifest, config, scope}: Provider, context: CommandContext, signal: AbortSignal): Promise<Tokens> {
  const server = createServer();
  const until = anySignal([signal, AbortSignal.timeout(SIGN_IN_MS_MAX)]);
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const {port} = server.address() as AddressInfo; // not a socket's
    const redirect = `http://127.0.0.1:${port}${CALLBACK}`;
    const [verifier, state, nonce] = [openid.randomPKCECodeVerifier(), openid.randomState(), openid.randomNonce()];
    const page = openid.buildAuthorizationUrl(config, {
      redirect_uri: redirect, scope, state, nonce, code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      ...consentFor(scope),
    });
    const coming = answerAt(server, {redirect, state}, until);
    const isOpened = await openInBrowser(page.href, context);
    context.err(`To sign in at ${manifest.issuer}, ${isOpened ? 'a browser was opened; if there is none, open' : 'open'} this page in a browser of this machine:`);
    context.err(`  ${page.href}`);
    const answer = await coming;
    const signed = await saying(manifest.issuer, openid.authorizationCodeGrant(config, answer, {pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true}), signal);
    return tokensIn(signed, manifest);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Where the browser was sent with the answer to what we have asked. Whoever else comes does not know the state. */
async function answerAt(server: Server, {redirect, state}: {readonly redirect: string; readonly state: string}, until: AbortSignal): Promise<URL> {
  const {promise, resolve, reject} = Promise.withResolvers<URL>();
  // Nobody listens yet when it comes early; it is thrown where it is awaited.
  promise.catch(() => {});
  until.addEventListener('abort', () => reject(until.reason instanceof DOMException && until.reason.name === 'TimeoutError' ? new Failure(`nobody has signed in within ${SIGN_IN_MS_MAX / 60_000} minutes`) : until.reason), {once: true});
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = URL.parse(request.url ?? '', redirect);
    const isAnswer = url?.pathname === CALLBACK && url.searchParams.get('state') === state && request.method === 'GET';
    response.writeHead(isAnswer ? 200 : 404, {'content-type': 'text/plain; charset=utf-8', 'connection': 'close'});
    response.end(isAnswer ? 'You can close this page: the terminal says the rest.\n' : 'There is nothing here.\n', () => {
      if (isAnswer) resolve(url);
    });
  });
  return promise;
}
