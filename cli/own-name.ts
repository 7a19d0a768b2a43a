import type {WhoAmI} from '../reconciler/api/answers.ts';
import {type CommandContext, Failure} from './command.ts';

/** Whose token this is. Throws `Failure` for the node's own one, which is nobody's. */
export async function ownName(context: Pick<CommandContext, 'client'>, signal: AbortSignal): Promise<string> {
  const {user} = await (await context.client()).get<WhoAmI>('/v1/whoami', signal);
  if (user === 'operator') throw new Failure("you have the node's own token, which is nobody's", {advice: ['say whose with -u; to make a person: flynn people add ann --name "Ann Lee" --email ann@example.com']});
  return user;
}
