import {createHash, createHmac, timingSafeEqual} from 'node:crypto';
import type {HookRequest} from './status.ts';

/**
 * Whether a webhook knows the secret. Of the four ways to say so any will do:
 * `X-Hub-Signature-256: sha256=<hex>` (GitHub, Gitea, Forgejo), `X-Gitea-Signature: <hex>`: HMAC-SHA256 over the body as it came;
 * `X-Gitlab-Token: <secret>`: the secret itself; `webhook-signature: v1,<base64>`: what GitLab calls a signing token.
 * All comparisons take the same time for everything that is wrong.
 */
export function isSigned({headers, body}: HookRequest, secret: string): boolean {
  if (secret === '') return false;
  const mac = createHmac('sha256', secret).update(body).digest('hex');
  return isSame(headers['x-hub-signature-256'], `sha256=${mac}`) || isSame(headers['x-gitea-signature'], mac) || isSame(headers['x-gitlab-token'], secret) || isStandard({headers, body}, secret);
}

/**
 * Standard Webhooks (https://www.standardwebhooks.com, "Symmetric"), with which GitLab signs: gitlab-org/gitlab!230944. Several signatures are separated by spaces. How old it is does not
 * matter: it says only when to look.
 */
function isStandard({headers, body}: HookRequest, secret: string): boolean {
  const [id, timestamp, signatures] = [headers['webhook-id'], headers['webhook-timestamp'], headers['webhook-signature']];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret;
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return signatures.split(' ').some((one) => isSame(one, `v1,${mac}`));
}

function isSame(given: HookRequest['headers'][string], expected: string): boolean {
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(expected));
}

/** Makes both of one length, which `timingSafeEqual` asks for: a length is a hint too. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
