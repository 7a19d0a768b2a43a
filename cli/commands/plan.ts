import {UsageError, type Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const plan: Command = {
  usage: 'plan [--against <commit> [--markdown]]',
  summary: 'Show what the node would do now, and what it waits for, without doing it',
  details: [
    'Exit status: 0 nothing to do, 1 there are actions, 2 it could not be found out.',
    '--against <commit>   in a clone of the cluster repository: what its files would change against a commit, as flynn diff says it',
    '--markdown           the same as the comment of a pull request: for CI jobs',
  ],
  examples: ['flynn plan', 'flynn plan --json | jq -r .actions[].reason', 'flynn plan --against origin/main', 'flynn plan --against origin/main --markdown > plan.md'],
  failureStatus: 2,

  async run(args, context, signal) {
    const {values: {against, markdown}} = parseFlags(args, {against: {type: 'string'}, markdown: {type: 'boolean'}});
    if (against !== undefined) return (await import('./diff.ts')).showDifference({commit: against, isMarkdown: markdown === true}, context, signal);
    if (markdown === true) throw new UsageError('--markdown goes with --against <commit>');
    const answer = await (await context.client()).plan(signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (answer.text !== '') for (const line of answer.text.split('\n')) context.out(line);
    if (answer.actions.length === 0) context.err(answer.waiting.length === 0 ? 'nothing to do' : 'nothing to do now');
    return answer.actions.length === 0 ? 0 : 1;
  },
};
