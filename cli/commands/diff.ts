import path from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {differenceOf, isSame} from '../../reconciler/desired/difference.ts';
import {configForChecks, validateFiles} from '../../reconciler/desired/validate.ts';
import {planMarkdown, type PlanOutcome} from '../../reconciler/preview/markdown.ts';
import {differenceWords, NO_CHANGE} from '../../reconciler/preview/words.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {cloneOf, filesInCommit, filesInWorkTree} from '../clone.ts';
import {Failure, type Command, type CommandContext} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {git} from '../git.ts';
import {palette} from '../output/color.ts';

export const diff: Command = {
  usage: 'diff [<commit>] [--markdown]',
  summary: 'Show what a clone of the cluster repository would change, in words: fields, replicas, routes, rights, cost',
  details: [
    'Files as they are saved are compared with a commit: what is on the server as far as git knows (the upstream of this branch, or origin/main),',
    'unless another is given. No cluster is asked. Values of secrets are not shown.',
    '--markdown   as the comment of a pull request',
    'Exit status: 0 no change, 1 changes, 2 something is wrong with the manifests, or could not be found out.',
  ],
  examples: ['flynn diff', 'git fetch && flynn diff origin/main', 'flynn diff HEAD~3 --json', 'flynn diff origin/main --markdown > plan.md'],
  failureStatus: 2,

  async run(args, context, signal) {
    const {words: [commit], values: {markdown}} = parseFlags(args, {markdown: {type: 'boolean'}}, {wordsMax: 1});
    return showDifference({commit, isMarkdown: markdown === true}, context, signal);
  },
};

export interface DifferenceWish {
  /** Undefined: what is on the server as far as git knows. */
  readonly commit: string | undefined;
  readonly isMarkdown: boolean;
}

/** Resolves to the exit status: 0 none, 1 some. Throws `Failure` with all problems. */
export async function showDifference({commit, isMarkdown}: DifferenceWish, context: CommandContext, signal: AbortSignal): Promise<0 | 1> {
  const clone = await cloneOf(path.resolve(context.cwd, context.cloneFlag ?? '.'), signal);
  if (!clone.isGit) throw new Failure(`'${clone.root}' is no git repository: there is nothing to compare it with`);
  const base = commit ?? await git(['rev-parse', '--abbrev-ref', '--symbolic-full-name', '@{upstream}'], clone.root, signal) ?? 'origin/main';
  const [before, after] = await Promise.all([filesInCommit(clone.root, base, signal), filesInWorkTree(clone, signal)]);
  const {domain} = configForChecks(after);
  const baseCommit = await git(['rev-parse', '--verify', '--quiet', `${base}^{commit}`], clone.root, signal);
  const markdown = (outcome: PlanOutcome) => context.out(planMarkdown({domain, ...(baseCommit !== undefined && {base: baseCommit}), outcome}).trimEnd());
  const problems = validateFiles(after, domain).map(formatDiagnostic);
  if (problems.length > 0) {
    if (isMarkdown) markdown({result: 'wrong', problems});
    throw new Failure(`a push of this would be rejected, ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the manifests`, {advice: problems});
  }
  const difference = differenceOf(before, after);
  if (isMarkdown) markdown({result: 'fine', difference});
  else if (context.isJson) context.out(JSON.stringify(difference, null, 2));
  else for (const line of differenceWords(difference, palette(context))) context.out(line);
  const texts = (files: typeof before) => new Map(files.map((file) => [file.path, file.kind === 'text' ? file.text : file.why]));
  if (isSame(difference)) context.err(isDeepStrictEqual(texts(before), texts(after)) ? `no change against ${base}` : `${NO_CHANGE}, against ${base}`);
  return isSame(difference) ? 0 : 1;
}
