import {UsageError, type Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const confirm: Command = {
  usage: 'confirm <commit>',
  summary: 'Say that a commit which is held back is meant',
  details: [
    'A commit that removes more than half of the apps, and at least three, is held back, and so is one of a history that was rewritten:',
    'both are more often a mistake than a wish. flynn status shows which commit waits.',
  ],
  examples: ['flynn confirm 1a2b3c4d'],

  async run(args, context, signal) {
    const {words: [commit]} = parseFlags(args, {}, {wordsMax: 1});
    if (commit === undefined) throw new UsageError('which commit? flynn status shows the one that is held back');
    const confirmed = await (await context.client()).confirm(commit, signal);
    if (context.isJson) context.out(JSON.stringify(confirmed));
    else context.err(`Confirmed ${confirmed.commit.slice(0, 8)}: it is being applied`);
    return 0;
  },
};
