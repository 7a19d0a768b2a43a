import type {Key} from 'openpgp';

/** Clocks of people's machines may be ahead of ours, in milliseconds. */
const CLOCK_AHEAD_MS_MAX = 5 * 60_000;

/** Weak keys and hashes (RSA below 2048 bits, SHA-1) are refused by the package's own defaults; these are said here so that they stay. */
const CONFIG = {minRSABits: 2048};

export interface PgpKeyOf<Owner> {
  readonly armored: string;
  readonly owner: Owner;
}

export function isPgpSignature(armored: string): boolean {
  return armored.startsWith('-----BEGIN PGP SIGNATURE-----');
}

/**
 * Whose signature of these bytes it is, or why it is nobody's, in words that follow "its signature". A key has to be good when it signed, as the signature
 * says, and now: whoever has an expired key could say that he signed before. Never throws.
 */
export async function ownerOfPgpSignature<Owner>(armored: string, payload: Buffer, {keys, nowMs}: {readonly keys: readonly PgpKeyOf<Owner>[]; readonly nowMs: number}): Promise<{readonly owner: Owner} | {readonly problem: string}> {
  const {readSignature, readKeys, createMessage, verify, enums, config} = await import('openpgp');
  const signature = await readSignature({armoredSignature: armored}).catch(() => undefined);
  const packets = [...signature?.packets ?? []];
  const [packet] = packets;
  if (signature === undefined || packet === undefined || packets.length > 1) return {problem: 'can\'t be read, or is more than one'};
  if (packet.signatureType !== enums.signature.binary) return {problem: 'is not one of a file'};
  const [id] = signature.getSigningKeyIDs();
  if (id === undefined) return {problem: 'names no key'};
  const hex = id.toHex().toUpperCase();
  const message = await createMessage({binary: new Uint8Array(payload)});
  let problem = `is by the OpenPGP key ${hex}, which nobody has in signingKeys`;
  for (const {armored: text, owner} of keys) {
    const known: readonly Key[] = await readKeys({armoredKeys: text, config: CONFIG}).catch(() => []);
    for (const key of known.filter((one) => one.getKeys(id).length > 0)) {
      const why = await reasonAgainst(async () => {
        const {signatures: [result]} = await verify({message, signature, verificationKeys: key, date: new Date(nowMs + CLOCK_AHEAD_MS_MAX), config: CONFIG});
        if (result === undefined) throw new Error('it can\'t be checked');
        await result.verified;
        await key.getSigningKey(id, new Date(nowMs), undefined, {...config, ...CONFIG});
      });
      if (why === undefined) return {owner};
      problem = `by the OpenPGP key ${hex} does not count: ${why}`;
    }
  }
  return {problem};
}

async function reasonAgainst(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return said.replace(/^Could not find valid signing key packet in key [^:]*: ?/, '').split('\n')[0] ?? '';
  }
}
