import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import {anySignal} from '../any-signal.ts';
import type {RegistryAuth} from './docker-registry.ts';

/** Longest answer that is read; errors and tokens are shorter. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** How long one answer may take, in milliseconds. */
const ANSWER_MS_MAX = 30_000;
const MANIFESTS = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'].join(', ');

export interface RegistryManifestName {
  /** `registry.example.com/team/shop` */
  readonly repository: string;
  /** A digest, or a tag. */
  readonly reference: string;
  readonly auth?: RegistryAuth;
}

/** What the registry says is an answer. `isFinal`: it will say the same tomorrow, unless somebody changes how it is set up. */
export class RegistryRefused extends Error {
  override name = 'RegistryRefused';
  readonly isFinal: boolean;

  constructor(message: string, {isFinal, cause}: {readonly isFinal: boolean; readonly cause?: unknown}) {
    super(message, {cause});
    this.isFinal = isFinal;
  }
}

/**
 * Removes a manifest, and with it all its tags (OCI distribution-spec v1.1, "Deleting Manifests": by digest, for many registries know no other way). One
 * that is not there is a success. What its layers take is given back when the registry collects its garbage.
 *
 * @throws {RegistryRefused} with the registry's words, or why it could not be asked
 */
export async function removeManifest({reference, ...name}: RegistryManifestName, signal: AbortSignal): Promise<void> {
  const digest = reference.startsWith('sha256:') ? reference : await digestOf({...name, reference}, signal);
  if (digest === undefined) return;
  const {status, text} = await ask('DELETE', {...name, reference: digest}, signal);
  if ((status >= 200 && status < 300) || status === 404) return;
  throw refused(status, text);
}

/** Whether it is there. @throws {RegistryRefused} when the registry does not say */
export async function hasManifest(name: RegistryManifestName, signal: AbortSignal): Promise<boolean> {
  const {status, text} = await ask('HEAD', name, signal);
  if (status !== 200 && status !== 404) throw refused(status, text);
  return status === 200;
}

/** Undefined: there is no such tag. */
async function digestOf(name: RegistryManifestName, signal: AbortSignal): Promise<string | undefined> {
  const {status, headers, text} = await ask('HEAD', name, signal);
  if (status === 404) return undefined;
  const digest = headers['docker-content-digest'];
  if (status !== 200 || typeof digest !== 'string') throw refused(status, text);
  return digest;
}

function refused(status: number, text: string): RegistryRefused {
  const what = status === 405 ? 'it does not let images be removed' : status === 401 || status === 403 ? 'it does not let us' : 'it does not do it';
  return new RegistryRefused(`${what} (${[status, ...wordsIn(text)].join(' ')})`, {isFinal: status >= 400 && status < 500 && status !== 408 && status !== 429});
}

/** `{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}` */
function wordsIn(text: string): readonly string[] {
  try {
    const {errors} = JSON.parse(text) as {errors?: readonly {readonly code?: unknown}[]};
    return [errors?.[0]?.code].filter((code) => typeof code === 'string').map((code) => code.slice(0, 100));
  } catch {
    return [];
  }
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Who we are is told when it is asked for, in the way that it is asked for. */
async function ask(method: 'HEAD' | 'DELETE', {repository, reference, auth}: RegistryManifestName, signal: AbortSignal): Promise<Answer> {
  const slash = repository.indexOf('/');
  const [host, path] = [repository.slice(0, slash), repository.slice(slash + 1)];
  // Docker Hub's name for people, and for programs.
  const url = `//${host === 'docker.io' ? 'registry-1.docker.io' : host}/v2/${path}/manifests/${reference}`;
  const headers = {accept: MANIFESTS};
  const first = await send({method, url, headers}, signal);
  const challenge = first.headers['www-authenticate'];
  if (first.status !== 401 || challenge === undefined || auth === undefined) return first;
  const authorization = /^bearer /i.test(challenge) ? `Bearer ${await tokenFor(challenge, {auth, path}, signal)}` : basic(auth);
  return send({method, url, headers: {...headers, authorization}}, signal);
}

/** https://distribution.github.io/distribution/spec/auth/token/ */
async function tokenFor(challenge: string, {auth, path}: {readonly auth: RegistryAuth; readonly path: string}, signal: AbortSignal): Promise<string> {
  const parts = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
  const realm = URL.parse(parts.get('realm') ?? '');
  if (realm === null || !(realm.protocol === 'https:' || isLoopback(realm.hostname))) throw new RegistryRefused('it wants the password to be sent elsewhere, without TLS', {isFinal: true});
  for (const name of ['service', 'scope']) if (parts.has(name)) realm.searchParams.set(name, parts.get(name) ?? '');
  // Its own idea of what we need may be less.
  realm.searchParams.set('scope', `repository:${path}:pull,delete`);
  const {status, text} = await send({method: 'GET', url: realm.href.slice(realm.protocol.length), headers: {authorization: basic(auth)}}, signal);
  const {token, access_token: other} = (status === 200 ? JSON.parse(text) : {}) as {token?: unknown; access_token?: unknown};
  const found = token ?? other;
  if (typeof found !== 'string') throw refused(status === 200 ? 401 : status, text);
  return found;
}

function basic({username, password}: RegistryAuth): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

interface Question {
  readonly method: 'GET' | 'HEAD' | 'DELETE';
  /** Without its scheme. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** With TLS; on 127.0.0.0/8 without where there is none, as the engine does. */
async function send(question: Question, signal: AbortSignal): Promise<Answer> {
  const url = new URL(`https:${question.url}`);
  try {
    return await sendOver('https:', question, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const {code, message} = cause as NodeJS.ErrnoException;
    const isPlain = isLoopback(url.hostname) && (code === 'EPROTO' || code === 'ECONNRESET');
    if (!isPlain) throw new RegistryRefused(message || code || 'it does not answer', {isFinal: false, cause});
  }
  return sendOver('http:', question, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new RegistryRefused((cause as Error).message, {isFinal: false, cause});
  });
}

function sendOver(scheme: 'https:' | 'http:', {method, url, headers}: Question, signal: AbortSignal): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  const to = new URL(`${scheme}${url}`);
  const options = {method, headers: {...headers, 'user-agent': 'flynn'}, agent: false, signal: anySignal([signal, AbortSignal.timeout(ANSWER_MS_MAX)])} as const;
  // This machine's certificates count, as they do for the engine.
  const request = scheme === 'http:' ? http.request(to, options) : https.request(to, {...options, rejectUnauthorized: !isLoopback(to.hostname), ca: [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]});
  request.on('error', reject).on('response', (response) => {
    let text = '';
    response.setEncoding('utf8')
      .on('data', (part: string) => (text = (text + part).slice(0, ANSWER_BYTES_MAX)))
      .on('error', reject)
      .on('end', () => resolve({status: response.statusCode ?? 0, headers: response.headers, text}));
  });
  request.end();
  return promise;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
