import type {WhoAmI} from '../../reconciler/api/answers.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const whoami: Command = {
  usage: 'whoami',
  summary: 'Print whose token you talk to the cluster with, and how you got in',
  examples: ['flynn whoami', 'flynn whoami --json'],

  async run(args, context, signal) {
    parseFlags(args, {});
    const answer = await (await context.client()).get<WhoAmI>('/v1/whoami', signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else context.out(`${answer.user}  ${answer.name} <${answer.email}>${howIn(answer)}`);
    return 0;
  },
};

function howIn({token, oidc}: WhoAmI): string {
  if (oidc !== undefined) return `  by OIDC, as ${oidc.subject} at ${oidc.issuer}`;
  return token === undefined ? '' : `  token ${token}`;
}
