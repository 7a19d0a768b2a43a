import {createHash, createPrivateKey, X509Certificate} from 'node:crypto';
import {HOST_PATTERN} from './names.ts';
import {fail, ok, type Result} from './result.ts';

/** What a chain of certificates says of itself. */
export interface Chain {
  /** Of the whole chain. */
  readonly id: string;
  /** Those that it is for: small letters, the first label may be `*`. Sorted. */
  readonly hosts: readonly string[];
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** PEM, and nothing else. */
  readonly pem: string;
}

const ID_DIGITS = 16;
const CHAIN_MAX = 20;

/** Reads a chain in PEM. Fails in words that follow "certificate". */
export function readChain(pem: string): Result<Chain, string> {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return fail('is none: it has to be PEM, between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----');
  if (blocks.length > CHAIN_MAX) return fail(`has ${blocks.length} parts: a chain has at most ${CHAIN_MAX}`);
  const chain = parsed(blocks);
  if (!chain.ok) return chain;
  const [leaf] = chain.value;
  if (leaf === undefined) throw new Error('bug: a chain without a certificate');
  const wrong = chain.value.findIndex((one, index) => index > 0 && !chain.value[index - 1]?.checkIssued(one));
  if (wrong !== -1) return fail(`${wrong} of its chain is signed by "${shown(chain.value[wrong - 1]?.issuer)}", and not by "${shown(chain.value[wrong]?.subject)}", which follows: the host's comes first, then each by whom the one before is signed`);
  if (leaf.ca && blocks.length > 1) return fail('begins with one of an authority: the host\'s own comes first');
  const hosts = hostsOf(leaf);
  if (hosts.length === 0) return fail('names no host (subjectAltName)');
  const text = `${blocks.map((block) => block.replaceAll('\r', '')).join('\n')}\n`;
  return ok({
    id: createHash('sha256').update(text).digest('hex').slice(0, ID_DIGITS),
    hosts,
    issuer: shown(leaf.issuer),
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    pem: text,
  });
}

/** Whether a private key (PEM) is that of the first certificate of a chain. */
export function isKeyOf(key: string, chain: string): boolean {
  try {
    return new X509Certificate(chain).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function parsed(blocks: readonly string[]): Result<readonly X509Certificate[], string> {
  try {
    return ok(blocks.map((block) => new X509Certificate(block)));
  } catch {
    return fail('is damaged: a part of it can\'t be read');
  }
}

/** Those that could be routes: a certificate may name addresses and other things too. */
function hostsOf({subjectAltName = ''}: X509Certificate): readonly string[] {
  const names = subjectAltName.split(', ').flatMap((part) => (part.startsWith('DNS:') ? [part.slice('DNS:'.length).toLowerCase()] : []));
  return [...new Set(names)].filter((name) => new RegExp(HOST_PATTERN).test(name.replace(/^\*\./, ''))).toSorted();
}

/** The name of `CN=Example CA\nO=Example`. */
function shown(name = ''): string {
  return /^CN=(.*)$/m.exec(name)?.[1] ?? /^O=(.*)$/m.exec(name)?.[1] ?? name.replaceAll('\n', ', ');
}
