import {hostname, userInfo} from 'node:os';
import {encodeAuthor, parseAuthor} from '../reconciler/api/author.ts';
import type {Author} from '../reconciler/checkout/snapshot.ts';
import type {CommandContext} from './command.ts';
import {git} from './git.ts';
import type {Cluster} from './which-cluster.ts';

/** Author of the commits that this user makes: what git says, else what the context file says, else `user@machine`. Encoded for a header. */
export async function identity({user}: Pick<Cluster, 'user'>, {cwd, env}: Pick<CommandContext, 'cwd' | 'env'>, signal: AbortSignal): Promise<string> {
  const [name, email] = await Promise.all([git(['config', 'user.name'], cwd, signal), git(['config', 'user.email'], cwd, signal)]);
  const login = env.USER ?? userInfo().username;
  const fallback: Author = parseAuthor(user) ?? {name: user === '' ? login : user, email: `${login}@${hostname()}`};
  return encodeAuthor({name: name ?? fallback.name, email: email ?? fallback.email});
}
