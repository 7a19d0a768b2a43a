import {fail, ok, type Result} from '../../schemas/result.ts';

/** A private key of age, with what is known of it. */
export interface Identity {
  /** `AGE-SECRET-KEY-1…` */
  readonly secretKey: string;
  /** Its public key, `age1…`. */
  readonly recipient: string;
  /** As in the comment that age-keygen writes too; absent where there was none. */
  readonly createdAt?: string;
}

/** Most identities of one node: more are a fault somewhere, and each is tried with every secret. */
export const IDENTITIES_MAX = 10;

/** Reads a file of `age-keygen`'s form: a key a line, comments with `#`. Fails with its place; never with a part of a key. */
export async function parseIdentities(text: string, file: string): Promise<Result<readonly Identity[], string>> {
  const {identityToRecipient} = await import('age-encryption');
  const identities: Identity[] = [];
  let createdAt: string | undefined;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const comment = /^#\s*created:\s*(\S+)/.exec(line)?.[1];
    createdAt = comment ?? createdAt;
    if (line.trim() === '' || line.startsWith('#')) continue;
    try {
      const secretKey = line.trim();
      identities.push({secretKey, recipient: await identityToRecipient(secretKey), ...(createdAt !== undefined && {createdAt})});
    } catch {
      return fail(`this node's identity is damaged (${file}:${index + 1}: no private key of age)`);
    }
    createdAt = undefined;
  }
  if (identities.length === 0) return fail(`this node's identity is damaged (${file} has no private key)`);
  return identities.length > IDENTITIES_MAX ? fail(`${file} has ${identities.length} private keys, at most ${IDENTITIES_MAX} are read`) : ok(identities);
}

export function renderIdentities(identities: readonly Identity[]): string {
  return identities.map(({secretKey, recipient, createdAt}) => `${createdAt === undefined ? '' : `# created: ${createdAt}\n`}# public key: ${recipient}\n${secretKey}\n`).join('');
}
