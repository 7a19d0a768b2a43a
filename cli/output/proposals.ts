import type {ProposedAnswer} from '../../reconciler/api/answers.ts';
import type {ProposalDetails, ProposalSummary} from '../../reconciler/proposals/proposals.ts';
import {planMarkdown, type PlanOutcome} from '../../reconciler/preview/markdown.ts';
import {differenceWords, NO_CHANGE} from '../../reconciler/preview/words.ts';
import type {CommandContext} from '../command.ts';
import {palette, type Palette} from './color.ts';
import {table} from './table.ts';
import {age} from './time.ts';

interface Look {
  readonly nowMs: number;
  readonly colors: Palette;
}

/** The end of a command with `--propose`. Returns its exit status. */
export function tellProposed({proposal, isNew}: ProposedAnswer, context: Pick<CommandContext, 'isJson' | 'isTerminal' | 'env' | 'out' | 'err'>): 0 {
  const {number, title} = proposal;
  if (context.isJson) context.out(JSON.stringify({proposal, isNew}, null, 2));
  context.err(`${isNew ? 'Proposed' : 'Proposed already:'} "${title}" as #${number}`);
  if (!context.isJson) for (const line of planLines(proposal, palette(context))) context.out(line);
  context.err(proposal.url === undefined ? `others look at it with: flynn review show ${number}` : `others look at it at: ${proposal.url}`);
  return 0;
}

/** `flynn review` */
export function proposalTable(proposals: readonly ProposalSummary[], {nowMs, colors}: Look): readonly string[] {
  return table(proposals.map((one) => [`#${one.number}`, one.title, one.by, `${age(one.at, nowMs)} ago`, standing(one, colors)]));
}

/** `flynn review show 12` */
export function proposalFacts(proposal: ProposalDetails, {nowMs, colors}: Look): readonly string[] {
  const {number, title, branch, by, at, commits, files, conflicts, problems, reviews, comments, missing} = proposal;
  const section = (name: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', colors.title(`=== ${name}`), ...lines.map((line) => `  ${line}`)]);
  const signs = {added: colors.good('+'), changed: colors.busy('~'), removed: colors.bad('-')};
  return [
    colors.title(`=== #${number} ${title}`),
    ...table([['by', `${by}, ${age(at, nowMs)} ago`], ['branch', branch], ['state', standing(proposal, colors)]]).map((line) => `  ${line}`),
    ...section('Commits', table(commits.map(({commit, subject, by: author}) => [commit.slice(0, 8), subject, author]))),
    ...section('Files', files.map(({path, change, isProtected}) => `${signs[change]} ${path}${isProtected ? colors.faint('  takes a review') : ''}`)),
    ...section(conflicts.length > 0 ? 'Plan, but for what main has got since' : `Plan, against main@${proposal.onto.slice(0, 8)}`, planLines(proposal, colors)),
    ...section('Conflicts with main', conflicts.map((path) => colors.bad(path))),
    ...section('Wrong', problems.map((problem) => colors.bad(problem))),
    ...section('Reviews', reviews.map((one) => `${one.stale === undefined ? colors.good('✔') : colors.faint('✘')} ${one.by}, ${age(one.at, nowMs)} ago${one.comment === undefined ? '' : `: ${one.comment}`}${one.stale === undefined ? '' : colors.faint(` (does not count: ${one.stale})`)}`)),
    ...section('Comments', comments.flatMap(({by: who, at: when, text}) => {
      const [first = '', ...more] = text.split('\n');
      return [`${who}, ${age(when, nowMs)} ago: ${first}`, ...more.map((line) => `  ${line}`)];
    })),
    ...section('Missing', missing),
  ];
}

/** The plan, as the comment of a pull request has it. */
export function proposalMarkdown({onto, tip, conflicts, problems, plan: {difference}}: ProposalDetails, domain: string): string {
  const outcome: PlanOutcome = conflicts.length > 0 ? {result: 'conflict', files: conflicts} : problems.length > 0 ? {result: 'wrong', problems} : {result: 'fine', difference};
  return planMarkdown({domain, base: onto, ...(tip !== undefined && {head: tip}), outcome}).trimEnd();
}

/** What would change, in words. */
export function planLines({plan: {difference}, problems}: Pick<ProposalDetails, 'plan' | 'problems'>, colors: Palette): readonly string[] {
  const lines = differenceWords(difference, colors);
  // What is wrong has no words, and is told of by itself.
  return lines.length === 0 && problems.length === 0 ? [NO_CHANGE] : lines;
}

function standing({state, approvals, ended, app}: ProposalSummary, {good, faint}: Palette): string {
  const what = app === undefined ? '' : `, a release of ${app}`;
  if (state === 'open') return approvals === undefined || approvals.needs === 0 ? `open${what}` : `${approvals.has}/${approvals.needs} approved${what}`;
  const by = ended === undefined ? '' : ` by ${ended.by}${ended.commit === undefined ? '' : ` as ${ended.commit.slice(0, 8)}`}`;
  return state === 'merged' ? good(`merged${by}`) : faint(`closed${by}${ended?.comment === undefined ? '' : `: ${ended.comment}`}`);
}
