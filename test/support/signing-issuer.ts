import {exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK} from 'jose';

export const ISSUER = 'https://login.example.com/acme';

interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly secret: CryptoKey;
  readonly jwk: JWK;
}

/** An issuer as the node sees it: a document, keys, and what is signed with them. It answers in memory. */
export class SigningIssuer {
  readonly issuer: string;
  keys: readonly Key[] = [];
  /** Instead of an answer. */
  problem: string | undefined;
  /** In place of fields of its document. */
  document: Readonly<Record<string, unknown>> = {};
  /** Paths that were asked for. */
  readonly asked: string[] = [];

  constructor(issuer = ISSUER) {
    this.issuer = issuer;
  }

  static async start(issuer = ISSUER): Promise<SigningIssuer> {
    const made = new SigningIssuer(issuer);
    await made.rotate('first');
    return made;
  }

  /** Signs with another key from now on; what was before it is forgotten. */
  async rotate(kid: string, alg = 'ES256'): Promise<void> {
    this.keys = [await keyOf(kid, alg)];
  }

  async add(kid: string, alg = 'ES256'): Promise<void> {
    this.keys = [...this.keys, await keyOf(kid, alg)];
  }

  readonly ask = async (url: URL): Promise<Readonly<Record<string, unknown>>> => {
    this.asked.push(url.pathname);
    if (this.problem !== undefined) throw new Error(this.problem);
    if (url.href === `${this.issuer}/.well-known/openid-configuration`) return {issuer: this.issuer, jwks_uri: `${this.issuer}/keys`, ...this.document};
    if (url.href === `${this.issuer}/keys`) return {keys: this.keys.map(({jwk}) => jwk)};
    throw new Error('it answers 404');
  };

  /** Signed with the newest key. `header` and `claims` are as they are given; undefined takes one out. */
  sign(claims: Readonly<Record<string, unknown>>, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const key = this.keys.at(-1);
    if (key === undefined) throw new Error('there is no key');
    return new SignJWT({iss: this.issuer, ...claims}).setProtectedHeader({alg: key.alg, kid: key.kid, typ: 'JWT', ...header}).sign(key.secret);
  }
}

async function keyOf(kid: string, alg: string): Promise<Key> {
  const {publicKey, privateKey} = await generateKeyPair(alg, {extractable: true});
  return {kid, alg, secret: privateKey, jwk: {...await exportJWK(publicKey), kid, alg, use: 'sig'}};
}
