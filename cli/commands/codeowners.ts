import type {CodeownersAnswer} from '../../reconciler/api/answers.ts';
import {UsageError, type Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

const FORGES = ['github', 'gitlab', 'gitea'] as const;

export const codeowners: Command = {
  usage: 'codeowners --github|--gitlab|--gitea',
  summary: 'Print a CODEOWNERS file with the rights that people and teams have',
  details: [
    'For a cluster repository that lives at a git host: who may change which path here is asked for a review of it there. People are named as `forge` in their',
    'file of people/ says, else by their mail address. Works on a clone, too (--clone).',
  ],
  examples: ['flynn codeowners --github > .github/CODEOWNERS', 'flynn codeowners --gitlab --clone . > CODEOWNERS', 'flynn codeowners --gitea > .gitea/CODEOWNERS'],

  async run(args, context, signal) {
    const {values} = parseFlags(args, {github: {type: 'boolean'}, gitlab: {type: 'boolean'}, gitea: {type: 'boolean'}});
    const chosen = FORGES.filter((forge) => values[forge] === true);
    const [forge] = chosen;
    if (forge === undefined || chosen.length > 1) throw new UsageError('for which git host? One of --github, --gitlab, --gitea');
    const answer = await (await context.client()).get<CodeownersAnswer>(`/v1/codeowners?forge=${forge}`, signal);
    context.out(context.isJson ? JSON.stringify(answer, null, 2) : answer.text.trimEnd());
    return 0;
  },
};
