/** Beginnings and forms of values that say themselves what they are. From the issuers' own documents. */
const KNOWN: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, 'a private key'],
  [/\bAGE-SECRET-KEY-1/, 'an age identity'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, 'an AWS access key'],
  [/\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}/, 'a GitHub token'],
  [/\bglpat-[\w-]{20,}/, 'a GitLab token'],
  [/\b[sr]k_live_\w{10,}/, 'a Stripe key'],
  [/\bxox[abeprs]-[\w-]{10,}/, 'a Slack token'],
  [/\bAIza[\w-]{35}\b/, 'a Google API key'],
  [/\bSG\.[\w-]{16,}\.[\w-]{16,}/, 'a SendGrid key'],
  [/\bnpm_[A-Za-z0-9]{30,}/, 'an npm token'],
  [/\bsk-[\w-]{20,}/, 'an API key'],
  [/\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/, 'a JSON web token'],
  // An empty password, or one that is a placeholder, is none.
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:(?![$<{*]|x+@)[^\s/@]+@/i, 'a URL with a password'],
];

/** What names of secrets end in, or are. */
const NAME = /(?:^|_)(?:PASSWORD|PASSWD|PASS|PASSPHRASE|PWD|SECRET|TOKEN|APIKEY|CREDENTIALS?|PRIVATE_KEY|ACCESS_KEY|SECRET_KEY|API_KEY|ENCRYPTION_KEY|SIGNING_KEY|KEY|DSN_PASSWORD)(?:_BASE)?$/i;
/** Keys that are meant to be seen, and names that only point to a secret. */
const PUBLIC_NAME = /(?:PUBLIC|PUBLISHABLE|_PUB)_?KEY$|^(?:PWD|KEY)$/i;

/** Shorter values, and these, are switches and not secrets. */
const SECRET_LENGTH_MIN = 4;
const SWITCH = /^(?:true|false|yes|no|on|off|none|null|\d{1,5})$/i;

/** A word this long in which every character counts (bits each, Shannon) is nothing that a person has chosen: hex has 4 at most, base64 6. */
const RANDOM_LENGTH_MIN = 24;
const RANDOM_BITS_MIN = 3.5;

/**
 * What a plain variable looks like, if it looks like a secret: `a Stripe key`, `its name says so`. A guess, for a warning: it never refuses
 * anything, and says nothing of the value.
 */
export function looksSecret(name: string, value: string): string | undefined {
  const known = KNOWN.find(([pattern]) => pattern.test(value));
  if (known !== undefined) return known[1];
  if (value.length < SECRET_LENGTH_MIN || SWITCH.test(value)) return undefined;
  if (NAME.test(name) && !PUBLIC_NAME.test(name) && !isPlace(value)) return 'its name says so';
  return isRandom(value) && !PUBLIC_NAME.test(name) ? 'it is as random as a key' : undefined;
}

/** A path, or a URL without a password: where a secret is, not the secret. */
function isPlace(value: string): boolean {
  return /^(?:\.{0,2}\/|[a-z][a-z0-9+.-]*:\/\/)\S*$/i.test(value);
}

/** Letters and digits mixed, in one word; no UUID, no commit, no digest: those are ids. */
function isRandom(value: string): boolean {
  if (value.length < RANDOM_LENGTH_MIN || !/^[\w+/=~.-]+$/.test(value)) return false;
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^(?:sha\d+[:-])?[0-9a-f]{40}$|^sha\d+[:-]\S+$/i.test(value)) return false;
  if (!/\d/.test(value) || !/[a-z]/i.test(value) || isPlace(value) || /[.-]\w+[.-]/.test(value)) return false;
  return bitsPerCharacter(value) >= RANDOM_BITS_MIN;
}

function bitsPerCharacter(value: string): number {
  const counts = Map.groupBy(value, (character) => character);
  return -[...counts.values()].reduce((sum, {length}) => sum + (length / value.length) * Math.log2(length / value.length), 0);
}
