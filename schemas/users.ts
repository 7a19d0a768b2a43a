import {fail, ok, type Result} from './result.ts';

/** A user of a route with a password. */
export interface User {
  readonly name: string;
  /** By bcrypt. */
  readonly hash: string;
}

const USERS_MAX = 200;
/** Each wrong password costs the router as much as a right one: 2^14 rounds are a second, and more could stop it. */
const COST_MAX = 14;
const COST_MIN = 4;
/** bcrypt's own form, whatever made it: `htpasswd -B` writes $2y$, others $2a$ or $2b$. */
const LINE = /^([A-Za-z0-9._@+-]{1,64}):(\$2[abxy]?\$(\d\d)\$[./A-Za-z0-9]{53})$/;

/** Lines `user:hash`, as `htpasswd -B` writes them; empty lines and those with `#` count for nothing. No message has a part of the text. */
export function readUsers(text: string): Result<readonly User[], string> {
  const users = new Map<string, User>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, hash, cost] = LINE.exec(line.trim()) ?? [];
    if (name === undefined || hash === undefined) return fail(`line ${index + 1} is not user:hash with a hash by bcrypt, as \`htpasswd -nB USER\` prints it`);
    if (Number(cost) < COST_MIN || Number(cost) > COST_MAX) return fail(`line ${index + 1} has a hash of cost ${cost}: ${COST_MIN} to ${COST_MAX} are taken`);
    if (users.has(name)) return fail(`line ${index + 1} has a user that is there already`);
    users.set(name, {name, hash});
  }
  if (users.size > USERS_MAX) return fail(`it has ${users.size} users, at most ${USERS_MAX} are taken`);
  return users.size === 0 ? fail('it has no line user:hash') : ok([...users.values()]);
}
