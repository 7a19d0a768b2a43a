import type {Author} from '../checkout/snapshot.ts';

const NAME_LENGTH_MAX = 200;
const MAIL_LENGTH_MAX = 254;

/**
 * Reads `Ann Lee <ann@example.com>`, percent-encoded or not (a header holds no UTF-8, a Basic user name no colon). A bare mail address is its own name.
 * `undefined` when it is neither, or holds what git does not allow in an identity (angle brackets, control characters) or too much.
 */
export function parseAuthor(text: string): Author | undefined {
  const plain = decoded(text).trim();
  const [, name, mail] = /^([^<>]+?)\s*<([^<>]*)>$/.exec(plain) ?? [];
  if (name !== undefined && mail !== undefined) return checked(name, mail);
  return plain.includes('@') ? checked(plain, plain) : undefined;
}

/** The inverse, safe in a header and in a URL's user name. */
export function encodeAuthor({name, email}: Author): string {
  return encodeURIComponent(`${name} <${email}>`);
}

function checked(name: string, email: string): Author | undefined {
  const isName = name !== '' && name.length <= NAME_LENGTH_MAX && !/[\p{Cc}<>]/u.test(name);
  const isMail = email.length <= MAIL_LENGTH_MAX && /^[^\s\p{Cc}<>@]+@[^\s\p{Cc}<>@]+$/u.test(email);
  return isName && isMail ? {name, email} : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A literal percent sign: it was not encoded.
  }
}
