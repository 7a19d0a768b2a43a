import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const plan: Command = {
  usage: 'plan [--against <commit>]',
  summary: 'Show what the node would do now, and what it waits for, without doing it',
  details: [
    'Exit status: 0 nothing to do, 1 there are actions, 2 it could not be found out.',
    '--against <commit>   in a clone of the cluster repository: what its files would change against a commit, as flynn diff says it',
  ],
  examples: ['flynn plan', 'flynn plan --json | jq -r .actions[].reason', 'flynn plan --against origin/main'],
  failureStatus: 2,

  async run(args, context, signal) {
    const {values: {against}} = parseFlags(args, {against: {type: 'string'}});
    if (against !== undefined) return (await import('./diff.ts')).showDifference(against, context, signal);
    const answer = await (await context.client()).plan(signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (answer.text !== '') for (const line of answer.text.split('\n')) context.out(line);
    if (answer.actions.length === 0) context.err(answer.waiting.length === 0 ? 'nothing to do' : 'nothing to do now');
    return answer.actions.length === 0 ? 0 : 1;
  },
};
