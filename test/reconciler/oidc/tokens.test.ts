import {createPublicKey, type JsonWebKey} from 'node:crypto';
import test from 'ava';
import {SignJWT, UnsecuredJWT, type JWTPayload} from 'jose';
import {accessOf} from '../../../reconciler/access/access.ts';
import {IdentityTokens} from '../../../reconciler/oidc/tokens.ts';
import {cluster, file, head} from '../../support/manifests.ts';
import {ISSUER, SigningIssuer} from '../../support/signing-issuer.ts';

const NOW = 1_800_000_000;
const ANN = file('people/ann.yaml', `${head('Person')}name: ann\nemail: ann@example.com\noidc: [{subject: "2001"}]\n`);
const CLUSTER = cluster(`oidc: {issuer: ${ISSUER}, clientId: flynn}\n`);
/** Of a token that is good. */
const GOOD: JWTPayload = {sub: '2001', aud: 'flynn', iat: NOW - 10, exp: NOW + 300};

interface Subject {
  readonly issuer: SigningIssuer;
  readonly tokens: IdentityTokens;
  readonly clock: {seconds: number};
  files: Parameters<typeof accessOf>[0];
  /** `ok`, or why not. */
  judge(token: string): Promise<string>;
}

async function subject(): Promise<Subject> {
  const issuer = await SigningIssuer.start();
  const clock = {seconds: NOW};
  const one: Subject = {
    issuer, clock, files: [CLUSTER, ANN],
    tokens: new IdentityTokens({access: () => accessOf(one.files).access, ask: issuer.ask, nowMs: () => clock.seconds * 1000}),
    async judge(token) {
      const refusal = await one.tokens.refusal(token);
      return refusal === undefined ? one.tokens.claims(token)?.subject ?? 'none of them' : `${refusal.isOutage ? 'outage' : 'refused'}: ${refusal.why}`;
    },
  };
  return one;
}

test('an ID token is its subject\'s, and other tokens are none of our business', async (t) => {
  const {issuer, judge, tokens} = await subject();
  t.is(await judge(await issuer.sign(GOOD)), '2001');
  for (const other of ['flynn_abc', '', 'a.b', 'x'.repeat(100_000)]) t.is(await judge(other), 'none of them');
  t.is(tokens.claims(await issuer.sign({...GOOD, jti: 'never seen'})), undefined, 'what was not checked is nobody\'s');
});

const TAKEN = 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519 are';

const HOSTILE: readonly {readonly title: string; readonly token: (issuer: SigningIssuer) => Promise<string> | string; readonly why: string}[] = [
  {title: 'that nobody has signed (alg none)', token: (issuer) => new UnsecuredJWT({iss: issuer.issuer, ...GOOD}).encode(), why: `it is signed in a way that is not taken (${TAKEN})`},
  {title: 'signed with the public key as a password (HS256)', token: (issuer) => new SignJWT({iss: issuer.issuer, ...GOOD}).setProtectedHeader({alg: 'HS256', kid: 'first'}).sign(publicPem(issuer)), why: `it is signed in a way that is not taken (${TAKEN})`},
  {title: 'whose signature is another token\'s', token: async (issuer) => exchanged(await issuer.sign({...GOOD, sub: '2002'}), await issuer.sign(GOOD)), why: 'its signature is wrong'},
  {title: 'of another key with the same name', token: async () => (await SigningIssuer.start()).sign(GOOD), why: 'its signature is wrong'},
  {title: 'of a key that is not there', token: (issuer) => issuer.sign(GOOD, {kid: 'other'}), why: 'it is signed with a key that is none of its issuer\'s'},
  {title: 'that has expired', token: (issuer) => issuer.sign({...GOOD, exp: NOW - 61}), why: 'it has expired'},
  {title: 'that is not good yet', token: (issuer) => issuer.sign({...GOOD, nbf: NOW + 61}), why: 'it is not good yet (nbf)'},
  {title: 'that was made in the future', token: (issuer) => issuer.sign({...GOOD, iat: NOW + 61}), why: 'it does not say when it was made, or that is in the future (iat)'},
  {title: 'that was made days ago, whenever it ends', token: (issuer) => issuer.sign({...GOOD, iat: NOW - 90_000}), why: 'it is older than a day'},
  {title: 'without an end', token: (issuer) => issuer.sign({...GOOD, exp: undefined}), why: 'it has no end (exp)'},
  {title: 'without a subject', token: (issuer) => issuer.sign({...GOOD, sub: undefined}), why: 'it does not say whose it is (sub)'},
  {title: 'with an empty subject', token: (issuer) => issuer.sign({...GOOD, sub: ''}), why: 'it does not say whose it is'},
  {title: 'for another client', token: (issuer) => issuer.sign({...GOOD, aud: 'wiki'}), why: 'it is for somebody else (aud)'},
  {title: 'for several', token: (issuer) => issuer.sign({...GOOD, aud: ['flynn', 'wiki']}), why: 'it is for several audiences, of which others could have passed it on'},
  {title: 'that another client was given', token: (issuer) => issuer.sign({...GOOD, azp: 'wiki'}), why: 'it was made for another client (azp)'},
  {title: 'that is an access token', token: (issuer) => issuer.sign(GOOD, {typ: 'at+jwt'}), why: 'it is of the type "at+jwt", and no ID token'},
  {title: 'with what has to be understood and is not (crit)', token: async (issuer) => `${Buffer.from(JSON.stringify({alg: 'ES256', kid: 'first', crit: ['x'], x: 1})).toString('base64url')}.${(await issuer.sign(GOOD)).split('.').slice(1).join('.')}`, why: `it is signed in a way that is not taken (${TAKEN})`},
];

for (const {title, token, why} of HOSTILE) {
  test(`a token ${title} lets nobody in`, async (t) => {
    const {issuer, judge} = await subject();
    t.is(await judge(await token(issuer)), `refused: the token of ${ISSUER} is not taken: ${why}`);
  });
}

test('clocks may differ by a minute', async (t) => {
  const {issuer, judge} = await subject();
  t.is(await judge(await issuer.sign({...GOOD, exp: NOW - 55})), '2001');
  t.is(await judge(await issuer.sign({...GOOD, nbf: NOW + 55, iat: NOW + 55})), '2001');
  t.is(await judge(await issuer.sign({...GOOD, aud: ['flynn', 'wiki'], azp: 'flynn'})), '2001', 'and several audiences are fine when it was made for this client');
});

test('a token of an issuer that no manifest names is refused, and nobody is asked', async (t) => {
  const {issuer, judge} = await subject();
  for (const iss of ['https://evil.example.com', `${ISSUER}/`, undefined]) t.regex(await judge(await issuer.sign({...GOOD, iss})), /^refused: .*it is of no issuer that is known here$/, String(iss));
  t.deepEqual(issuer.asked, []);
});

test('what the applied commit says counts, whatever was checked before', async (t) => {
  const one = await subject();
  const token = await one.issuer.sign(GOOD);
  t.is(await one.judge(token), '2001');
  one.files = [CLUSTER];
  t.is(await one.judge(token), `refused: nobody in people/ is "2001" at ${ISSUER}; an admin can say who it is: flynn people identity add <user> '2001'`);
  one.files = [ANN];
  t.regex(await one.judge(token), /no issuer that is known here/);
});

test('a token that has ended is forgotten', async (t) => {
  const {issuer, judge, tokens, clock} = await subject();
  const token = await issuer.sign(GOOD);
  t.is(await judge(token), '2001');
  clock.seconds += 361;
  t.is(tokens.claims(token), undefined);
  t.regex(await judge(token), /it has expired$/);
});

test('keys are asked for again when a token names another one, but not for each that somebody makes up', async (t) => {
  const {issuer, judge, clock} = await subject();
  t.is(await judge(await issuer.sign(GOOD)), '2001');
  await issuer.rotate('second');
  const next = await issuer.sign(GOOD);
  t.regex(await judge(next), /none of its issuer's$/, 'asked just now');
  clock.seconds += 31;
  t.is(await judge(next), '2001');
  const asked = issuer.asked.length;
  await Promise.all(Array.from({length: 50}, async (_, index) => judge(await issuer.sign(GOOD, {kid: `made-up-${index}`}))));
  t.is(issuer.asked.length, asked);
});

test('an issuer that is silent is no refusal; keys that are known are good for a day', async (t) => {
  const {issuer, judge, clock} = await subject();
  issuer.problem = 'it did not answer within 5 s';
  const wanted = `outage: ${ISSUER} can't be asked whether the token is good (it did not answer within 5 s); tokens of the cluster work all the same`;
  t.is(await judge(await issuer.sign(GOOD)), wanted);
  issuer.problem = undefined;
  clock.seconds += 31;
  t.is(await judge(await issuer.sign({...GOOD, exp: NOW + 600})), '2001');
  issuer.problem = 'it did not answer within 5 s';
  clock.seconds += 23 * 3600;
  t.is(await judge(await issuer.sign({...GOOD, iat: clock.seconds, exp: clock.seconds + 60})), '2001');
  clock.seconds += 3600;
  t.is(await judge(await issuer.sign({...GOOD, iat: clock.seconds, exp: clock.seconds + 60})), wanted);
});

test('a token that does not name its key is tried with all', async (t) => {
  const {issuer, judge} = await subject();
  await issuer.add('second');
  await issuer.add('third');
  t.is(await judge(await issuer.sign(GOOD, {kid: undefined})), '2001');
  t.regex(await judge(await (await SigningIssuer.start()).sign(GOOD, {kid: undefined})), /its signature is wrong$/);
  t.regex(await judge(await issuer.sign(GOOD, {kid: undefined, typ: 'at+jwt'})), /no ID token$/);
});

for (const alg of ['RS256', 'PS256', 'EdDSA', 'ES384']) {
  test(`${alg} is taken`, async (t) => {
    const {issuer, judge} = await subject();
    await issuer.rotate('first', alg);
    t.is(await judge(await issuer.sign(GOOD)), '2001');
  });
}

const STRANGE: readonly {readonly title: string; readonly document: Readonly<Record<string, unknown>>; readonly why: string}[] = [
  {title: 'that calls itself otherwise', document: {issuer: 'https://other.example.com'}, why: 'it calls itself "https://other.example.com"'},
  {title: 'whose keys would come in the clear', document: {jwks_uri: 'http://login.example.com/keys'}, why: 'its keys would come in the clear'},
  {title: 'whose keys are on the node itself', document: {jwks_uri: 'http://127.0.0.1/keys'}, why: 'its keys would come in the clear'},
  {title: 'whose keys are nowhere', document: {jwks_uri: undefined}, why: 'it does not say where its keys are'},
];

for (const {title, document, why} of STRANGE) {
  test(`an issuer ${title} is not believed`, async (t) => {
    const {issuer, judge, tokens} = await subject();
    issuer.document = document;
    t.regex(await judge(await issuer.sign(GOOD)), /^outage: /);
    t.deepEqual(await tokens.look(), [{issuer: ISSUER, problem: why}]);
  });
}

test('how issuers are can be asked', async (t) => {
  const {tokens} = await subject();
  t.deepEqual(await tokens.look(), [{issuer: ISSUER, keys: 1}]);
  t.deepEqual(tokens.provider(), {issuer: ISSUER, clientId: 'flynn'});
});

function publicPem({keys}: SigningIssuer): Buffer {
  return Buffer.from(createPublicKey({key: keys[0]?.jwk as JsonWebKey, format: 'jwk'}).export({type: 'spki', format: 'pem'}));
}

/** The claims of one, the signature of another. */
function exchanged(claims: string, signature: string): string {
  return [...claims.split('.').slice(0, 2), signature.split('.')[2]].join('.');
}
