import type {PersonAnswer, Written} from '../../reconciler/api/answers.ts';
import {instanceOf, type NodeSettings} from '../../reconciler/settings.ts';
import {NAME_PATTERN} from '../../schemas/names.ts';
import type {CommandContext} from '../command.ts';
import {git} from '../git.ts';
import {newToken} from '../new-token.ts';
import {clientOf} from '../which-cluster.ts';
import {addressesOf} from './command-line.ts';

interface FirstPerson {
  readonly settings: NodeSettings;
  readonly context: CommandContext;
  /** `--admin`. Absent: whoever became root with sudo, if somebody looks at the terminal and nobody is in the cluster yet. */
  readonly admin: string | undefined;
}

/** The token's name: it is the one that set-up has printed. */
const TOKEN = 'first';

/**
 * Makes the first person an admin, with a token that is printed this once and kept nowhere. Resolves to what there is to say. Nobody has a
 * password, and there is no token that comes with Flynn: the operator's own is this machine's.
 */
export async function makeFirstPerson({settings, context, admin}: FirstPerson, signal: AbortSignal): Promise<readonly string[]> {
  if (settings.cluster.kind === 'folder') return admin === undefined ? [] : [`  admin     people/${admin}.yaml is for you to write: this node follows a folder`];
  const user = admin ?? bySudo(context);
  const client = await clientOf({...context, clusterFlag: instanceOf(settings.data)});
  const people = await client.get<readonly PersonAnswer[]>('/v1/people', signal).catch((error: unknown) => {
    if (admin !== undefined) throw error;
  });
  // It was not asked for: the node runs all the same.
  if (people === undefined) return [];
  if (user === undefined) return people.length === 0 ? ['  people    nobody yet but you on this machine; the first admin: flynn up --admin <name>'] : [];
  if (people.some((person) => person.user === user)) return admin === undefined ? [] : [`  admin     ${user} is there already; another token: flynn token add <name> -u ${user}`];
  if (admin === undefined && people.length > 0) return [];
  const [name = user, email = `${user}@${settings.domain}`] = await Promise.all(['user.name', 'user.email'].map((key) => git(['config', key], context.cwd, signal)));
  const {token, hash} = newToken();
  await client.post<Written>('/v1/people', {user, name, email, role: 'admin'}, signal);
  await client.post<Written>(`/v1/people/${user}/tokens`, {name: TOKEN, hash}, signal);
  return [
    `  admin     ${user} (${name} <${email}>, people/${user}.yaml), whose token is shown this once:`,
    `            ${token}`,
    `            to use it elsewhere: flynn login ${addressesOf(settings).url} < token`,
  ];
}

/** Not from a script, and not into a log. */
function bySudo({env, isTerminal}: CommandContext): string | undefined {
  const {SUDO_USER: user = ''} = env;
  return isTerminal && user !== 'root' && user !== 'operator' && new RegExp(NAME_PATTERN).test(user) ? user : undefined;
}
