import {generateKeyPairSync} from 'node:crypto';
import {once} from 'node:events';
import {createServer, type RequestListener, type Server} from 'node:http';
import {freePorts, isFree} from './free-ports.ts';
import {until} from './until.ts';

/** What of oidc-provider is used here; it has no types of its own. */
interface ProviderClass {
  new(issuer: string, configuration: object): {callback(): RequestListener};
}

/** A name that tsc does not follow. */
const PACKAGE: string = 'oidc-provider';

// It advises against what is fine in a test.
for (const level of ['info', 'warn'] as const) {
  const say = console[level].bind(console);
  console[level] = (...words: readonly unknown[]) => {
    if (!String(words[0]).startsWith('oidc-provider ')) say(...words);
  };
}

export interface ProviderOptions {
  /** How long its ID tokens are good. */
  readonly idTokenSeconds?: number;
  readonly hasDeviceFlow?: boolean;
}

/** A certified OpenID provider (npm: oidc-provider) on a port of 127.0.0.1: anybody is who he says he is. Its one client is `flynn`, a native program. */
export class OidcProvider implements AsyncDisposable {
  readonly issuer: string;
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #port: number;

  private constructor(server: Server, port: number) {
    this.issuer = `http://127.0.0.1:${port}`;
    this.#server = server;
    this.#port = port;
  }

  static async start({idTokenSeconds = 3600, hasDeviceFlow = true}: ProviderOptions = {}): Promise<OidcProvider> {
    const {default: Provider} = await import(PACKAGE) as {readonly default: ProviderClass};
    // Its own, also when it is away: nobody is given it by chance.
    const [port = 0] = await freePorts(1);
    const server = createServer();
    await once(server.listen(port, '127.0.0.1'), 'listening');
    const started = new OidcProvider(server, port);
    const key = generateKeyPairSync('rsa', {modulusLength: 2048}).privateKey.export({format: 'jwk'});
    const provider = new Provider(started.issuer, {
      clients: [{
        client_id: 'flynn', application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/callback'], response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token', ...(hasDeviceFlow ? ['urn:ietf:params:oauth:grant-type:device_code'] : [])],
      }],
      features: {deviceFlow: {enabled: hasDeviceFlow}, revocation: {enabled: true}},
      scopes: ['openid', 'offline_access'],
      ttl: {IdToken: idTokenSeconds, AccessToken: 600, AuthorizationCode: 60, DeviceCode: 600, RefreshToken: 3600, Grant: 3600, Interaction: 600, Session: 3600},
      cookies: {keys: ['test']},
      jwks: {keys: [{...key, kid: 'test', use: 'sig', alg: 'RS256'}]},
      findAccount: (_context: unknown, id: string) => ({accountId: id, claims: () => ({sub: id})}),
    });
    const answer = provider.callback();
    server.on('request', (request, response) => {
      started.asked.push((request.url ?? '').split('?')[0] ?? '');
      answer(request, response);
    });
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await until('nobody listens there', () => isFree(this.#port));
  }
}

const STEPS_MAX = 20;

/** A person at a browser: goes to a page, says who he is where he is asked, and agrees to all. Resolves to the text of the last page. */
export async function signInAs(login: string, page: string): Promise<string> {
  const cookies = new Map<string, string>();
  let [url, form] = [page, undefined as URLSearchParams | undefined];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const response = await fetch(url, {
      redirect: 'manual', signal: AbortSignal.timeout(20_000),
      headers: {cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')},
      ...(form !== undefined && {method: 'POST', body: form}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) {
      [url, form] = [new URL(location, url).href, undefined];
      continue;
    }
    const text = await response.text();
    const [, tag] = /<form ([^>]*)>/.exec(text) ?? [];
    if (tag === undefined) return text;
    const [, action = ''] = /action="([^"]*)"/.exec(tag) ?? [];
    url = new URL(action.replaceAll('&amp;', '&'), url).href;
    form = new URLSearchParams([...text.matchAll(/<input([^>]*)>/g)].map(([, field = '']): [string, string] => {
      const name = /name="([^"]*)"/.exec(field)?.[1] ?? '';
      return [name, name === 'login' ? login : /value="([^"]*)"/.exec(field)?.[1] ?? ''];
    }));
  }
  throw new Error(`the sign-in of ${login} does not come to an end at ${url}`);
}
