import path from 'node:path';
import {configForChecks, validateFiles} from '../../reconciler/desired/validate.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {cloneOf, filesInWorkTree} from '../clone.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const validate: Command = {
  usage: 'validate [<folder>]',
  summary: 'Check the manifests of a clone of the cluster repository, without a cluster',
  details: [
    'All files are read as they are saved, committed or not, and all problems are told at once, as a push would be told. The folder is this one',
    'unless another is given. Exit status: 0 all is right, 1 something is wrong.',
    'What only a node knows is not checked: whether it can open the secrets, which images and ports it has.',
  ],
  examples: ['flynn validate', 'flynn validate ~/cluster', 'flynn validate --json | jq -r .[].message'],

  async run(args, context, signal) {
    const {words: [folder = context.cloneFlag ?? '.']} = parseFlags(args, {}, {wordsMax: 1});
    const clone = await cloneOf(path.resolve(context.cwd, folder), signal);
    const files = await filesInWorkTree(clone, signal);
    const problems = validateFiles(files, configForChecks(files).domain);
    if (context.isJson) context.out(JSON.stringify(problems, null, 2));
    else for (const problem of problems) context.out(formatDiagnostic(problem));
    context.err(problems.length === 0 ? `${files.length} files are right` : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the manifests`);
    return problems.length === 0 ? 0 : 1;
  },
};
