import {createHash, randomBytes} from 'node:crypto';

/** Made where it is to be kept: the cluster gets to know its hash only. */
export function newToken(): {readonly token: string; readonly hash: string} {
  const token = `flynn_${randomBytes(32).toString('base64url')}`;
  return {token, hash: `sha256:${createHash('sha256').update(token).digest('hex')}`};
}
