import {signatureOf} from './commit-signature.ts';
import {isPgpSignature, ownerOfPgpSignature} from './pgp-signature.ts';
import type {Signer, Signers} from './signers.ts';
import {fingerprintOf, isSshSignature, parseSshSignature, problemOfSshSignature} from './ssh-signature.ts';

/** Who signed a commit object; or why it counts as nobody's, in words that follow "commit 1a2b3c4d: ". */
export type Signed = {readonly ok: true; readonly signer: Signer} | {readonly ok: false; readonly problem: string};

export async function signerOf(content: Buffer, {signers, nowMs}: {readonly signers: Signers; readonly nowMs: number}): Promise<Signed> {
  const {signature, payload, committerEmail, problem} = signatureOf(content);
  if (problem !== undefined) return no(problem);
  if (signature === undefined) return no('is not signed');
  const found = isSshSignature(signature) ? bySsh(signature, payload, signers) : isPgpSignature(signature) ? await byPgp(signature, payload, {signers, nowMs}) : 'is of a kind that is not known: it has to be of SSH or OpenPGP';
  if (typeof found === 'string') return no(`its signature ${found}`);
  // Else anybody with a key could make commits that look like somebody else's.
  if (found.kind === 'person' && found.person.email.toLowerCase() !== committerEmail.toLowerCase()) {
    return no(`is committed by ${committerEmail}, and signed by ${found.person.user} (${found.person.email}): git config user.email ${found.person.email}`);
  }
  return {ok: true, signer: found};
}

function bySsh(armored: string, payload: Buffer, {ssh}: Signers): Signer | string {
  const parsed = parseSshSignature(armored);
  if (parsed === undefined) return 'can\'t be read';
  const problem = problemOfSshSignature(parsed, payload);
  if (problem !== undefined) return problem;
  const fingerprint = fingerprintOf(parsed.blob);
  return ssh.get(fingerprint) ?? `is by the SSH key ${fingerprint}, which nobody has in signingKeys`;
}

async function byPgp(armored: string, payload: Buffer, {signers: {pgp}, nowMs}: {readonly signers: Signers; readonly nowMs: number}): Promise<Signer | string> {
  const found = await ownerOfPgpSignature(armored, payload, {keys: pgp.map(({armored: key, signer}) => ({armored: key, owner: signer})), nowMs});
  return 'owner' in found ? found.owner : found.problem;
}

function no(problem: string): Signed {
  return {ok: false, problem};
}
