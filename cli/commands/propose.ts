import {spawn} from 'node:child_process';
import path from 'node:path';
import {slugOf} from '../../schemas/slug.ts';
import type {ProposalSummary} from '../../reconciler/proposals/proposals.ts';
import {cloneOf} from '../clone.ts';
import {type Command, type CommandContext, Failure} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {git, remotes} from '../git.ts';

/** A proposal's branches, of everybody. */
const BRANCHES = 'proposals/';

export const propose: Command = {
  usage: 'propose [-m <title>] [-r <remote>]',
  summary: 'Propose what a clone of the cluster repository has committed: others approve and merge it',
  details: [
    'What HEAD has is pushed to a branch proposals/<name> of the cluster\'s own server, named after this branch or, on main, after the title. The same branch',
    'pushed again changes the proposal. Nothing else is pushed, and main stays as it is. It is told what would change.',
    '-m, --title <title>     what it is called (otherwise: as the newest commit)',
    '-r, --remote <remote>   where the cluster repository is (default: the upstream of this branch, or origin)',
    'Commands propose their own change with --propose: flynn scale web=3 --propose.',
  ],
  examples: ['flynn propose', 'flynn propose -m "Three copies for the sale"'],

  async run(args, context, signal) {
    const {values} = parseFlags(args, {title: {type: 'string', short: 'm'}, remote: {type: 'string', short: 'r'}});
    const {root, isGit} = await cloneOf(path.resolve(context.cwd, context.cloneFlag ?? '.'), signal);
    if (!isGit) throw new Failure(`'${root}' is no git repository: there is nothing to propose`);
    const title = values.title ?? context.proposeFlag ?? '';
    const remote = values.remote ?? await git(['config', `branch.${await branchOf(root, signal) ?? ''}.remote`], root, signal) ?? 'origin';
    if (!(await remotes(root, signal)).has(remote)) throw new Failure(`'${root}' has no remote "${remote}"`, {advice: ['say which one with -r; git remote lists them']});
    const branch = await nameOf(title, root, signal);
    const status = await push(['push', '--force-with-lease', ...(title === '' ? [] : ['-o', `flynn.title=${title.replaceAll(/\s+/g, ' ')}`]), remote, `HEAD:refs/heads/${branch}`], {root, context}, signal);
    if (status !== 0) throw new Failure('git refused to push it', {advice: ['what it said is above']});
    if (context.isJson) {
      const open = await (await context.client()).get<readonly ProposalSummary[]>('/v1/proposals?limit=999', signal);
      context.out(JSON.stringify(open.find((one) => one.branch === branch) ?? null, null, 2));
    }
    return 0;
  },
};

/** Without `proposals/`, which it may have already: a proposal of somebody that was checked out. */
async function nameOf(title: string, root: string, signal: AbortSignal): Promise<string> {
  const branch = await branchOf(root, signal);
  if (branch?.startsWith(BRANCHES) === true) return branch;
  if (branch !== undefined && branch !== 'main') return `${BRANCHES}${branch}`;
  const words = title === '' ? await git(['log', '-1', '--format=%s'], root, signal) ?? '' : title;
  return `${BRANCHES}${slugOf(words)}`;
}

/** Undefined: none is checked out. */
async function branchOf(root: string, signal: AbortSignal): Promise<string | undefined> {
  return git(['symbolic-ref', '--short', '--quiet', 'HEAD'], root, signal);
}

/** What git and the server say is told as it comes, on stderr. */
function push(args: readonly string[], {root, context}: {readonly root: string; readonly context: CommandContext}, signal: AbortSignal): Promise<number | null> {
  const child = spawn('git', args, {cwd: root, stdio: ['inherit', 'ignore', 'pipe'], signal, env: {...process.env, GIT_TERMINAL_PROMPT: '0'}});
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) context.err(line.replace(/\r.*|\x1b\[K/g, '').trimEnd());
  });
  return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
}
