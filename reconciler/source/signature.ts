import {createHash, createHmac, timingSafeEqual} from 'node:crypto';
import type {HookRequest} from './status.ts';

/**
 * Whether a webhook knows the secret. Of the three ways to say so any will do:
 * `X-Hub-Signature-256: sha256=<hex>` (GitHub, Gitea, Forgejo), `X-Gitea-Signature: <hex>`: HMAC-SHA256 over the body as it came;
 * `X-Gitlab-Token: <secret>`: the secret itself. All comparisons take the same time for everything that is wrong.
 */
export function isSigned({headers, body}: HookRequest, secret: string): boolean {
  if (secret === '') return false;
  const mac = createHmac('sha256', secret).update(body).digest('hex');
  return isSame(headers['x-hub-signature-256'], `sha256=${mac}`) || isSame(headers['x-gitea-signature'], mac) || isSame(headers['x-gitlab-token'], secret);
}

function isSame(given: HookRequest['headers'][string], expected: string): boolean {
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(expected));
}

/** Makes both of one length, which `timingSafeEqual` asks for: a length is a hint too. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
