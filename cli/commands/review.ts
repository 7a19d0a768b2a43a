import type {Merged, ProposalDetails, ProposalSummary} from '../../reconciler/proposals/proposals.ts';
import {type Command, type CommandContext, Failure, UsageError} from '../command.ts';
import {reportOutcome, waitForConvergence} from '../converge.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {planLines, proposalFacts, proposalMarkdown, proposalTable} from '../output/proposals.ts';
import {group, type Subcommand} from '../subcommands.ts';

const LIMIT_DEFAULT = '50';
/** Of a comment that is not in quotes. */
const WORDS_MAX = 500;

const list: Subcommand = {
  usage: '[--all] [-n <count>]',
  async run(args, context, signal) {
    const {values} = parseFlags(args, {all: {type: 'boolean', default: false}, num: {type: 'string', short: 'n', default: LIMIT_DEFAULT}});
    if (!/^[1-9]\d{0,2}$/.test(values.num)) throw new UsageError(`-n is "${values.num}"; it has to be a whole number from 1 to 999`);
    const proposals = await (await context.client()).get<readonly ProposalSummary[]>(`/v1/proposals?state=${values.all ? 'all' : 'open'}&limit=${values.num}`, signal);
    if (context.isJson) context.out(JSON.stringify(proposals, null, 2));
    else if (proposals.length === 0) context.err(values.all ? 'there are no proposals' : 'no proposal is open');
    else for (const line of proposalTable(proposals, lookOf(context))) context.out(line);
    return 0;
  },
};

const show: Subcommand = {
  usage: '<number> [--markdown]',
  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {markdown: {type: 'boolean', default: false}}, {wordsMax: 1});
    const proposal = await shown(numberOf(word), context, signal);
    if (values.markdown) context.out(proposalMarkdown(proposal, (await (await context.client()).status(signal)).domain));
    else if (context.isJson) context.out(JSON.stringify(proposal, null, 2));
    else for (const line of proposalFacts(proposal, lookOf(context))) context.out(line);
    return 0;
  },
};

const approving: Subcommand = {
  usage: '<number> [-m <comment>]',
  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {comment: {type: 'string', short: 'm'}}, {wordsMax: 1});
    const number = numberOf(word);
    const {seen} = await shownForDecision(number, context, signal);
    const proposal = await (await context.client()).post<ProposalDetails>(`/v1/proposals/${number}/approve`, {seen, ...(values.comment !== undefined && {comment: values.comment})}, signal);
    if (context.isJson) context.out(JSON.stringify(proposal, null, 2));
    context.err(`Approved #${number} "${proposal.title}"`);
    context.err(proposal.missing.length === 0 ? `merge it with: flynn merge ${number}` : 'still missing:');
    for (const line of proposal.missing) context.err(`  ${line}`);
    return 0;
  },
};

const commenting: Subcommand = {
  usage: '<number> <text>',
  async run(args, context, signal) {
    const {words: [word, ...texts]} = parseFlags(args, {}, {wordsMax: WORDS_MAX});
    const number = numberOf(word);
    const comment = texts.join(' ').trim();
    if (comment === '') throw new UsageError('what is the comment? flynn review comment 12 "why three?"');
    const proposal = await (await context.client()).post<ProposalDetails>(`/v1/proposals/${number}/comments`, {comment}, signal);
    if (context.isJson) context.out(JSON.stringify(proposal, null, 2));
    context.err(`Commented on #${number} "${proposal.title}"`);
    return 0;
  },
};

const closing: Subcommand = {
  usage: '<number> [-m <comment>]',
  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {comment: {type: 'string', short: 'm'}}, {wordsMax: 1});
    const number = numberOf(word);
    const proposal = await (await context.client()).post<ProposalSummary>(`/v1/proposals/${number}/close`, values.comment === undefined ? {} : {comment: values.comment}, signal);
    if (context.isJson) context.out(JSON.stringify(proposal, null, 2));
    context.err(`Closed #${number} "${proposal.title}"`);
    return 0;
  },
};

const merging: Subcommand = {
  usage: '<number> [--no-wait]',
  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {'no-wait': {type: 'boolean', default: false}}, {wordsMax: 1});
    const number = numberOf(word);
    const client = await context.client();
    const {seen} = await shownForDecision(number, context, signal);
    const merged = await client.post<Merged>(`/v1/proposals/${number}/merge`, {seen}, signal);
    context.err(`Merged #${number} "${merged.message}" ${merged.commit.slice(0, 8)}`);
    const outcomes = [];
    if (!values['no-wait']) {
      for (const app of merged.apps) {
        const outcome = await waitForConvergence({client, app, context, of: merged.isNew ? merged.commit : undefined}, signal);
        outcomes.push({app, ...outcome});
        // What the proposal takes away, or gives another name, goes as it was meant to.
        if (outcome.result === 'removed') context.err(`Removing ⬢ ${app}... done`);
        else if (reportOutcome(outcome, app, context) === 0 && outcome.result === 'healthy') context.err(`Deploying ⬢ ${app}... done${outcome.release === undefined ? '' : `, v${outcome.release}`}`);
      }
    }
    if (context.isJson) context.out(JSON.stringify({...merged, ...(values['no-wait'] ? {} : {outcomes})}, null, 2));
    return outcomes.some(({result, overtaken}) => result === 'failed' || overtaken !== undefined) ? 1 : 0;
  },
};

export const review = group({
  name: 'review',
  summary: 'List proposed changes, look at one, comment, approve, merge or close it',
  details: [
    'A proposal is a branch of the cluster repository. It is made by any command with --propose, by flynn propose in a clone, by git push origin',
    'HEAD:proposals/<name>, and by pushes of apps whose app.yaml says review: required. Its plan is what it would change on main as that is now.',
    'Which paths take an approval, and how many, says cluster.yaml (review). An approval falls when the proposal changes, or what main makes of it.',
    '--markdown          the plan as a comment for a page or a chat',
    '--all               those that are merged or closed, too',
    '-m, --comment <text>  a word beside an approval, or why it is closed',
    '--no-wait           return when it is in git, not when it is so',
    'flynn approve, flynn merge and flynn reject are the same, shorter.',
  ],
  examples: ['flynn review', 'flynn review show 12', 'flynn review approve 12 -m "looks good"', 'flynn review comment 12 "why three?"', 'flynn review merge 12', 'flynn review close 12 -m "not this week"'],
  subcommands: {show, approve: approving, comment: commenting, merge: merging, close: closing},
  otherwise: list,
});

export const approve: Command = {
  ...approving, usage: `approve ${approving.usage}`,
  summary: 'Approve a proposed change',
  details: ['The same as flynn review approve. It counts for what is shown, and falls when that changes. Nobody approves what he has put on the branch himself.'],
  examples: ['flynn approve 12', 'flynn approve 12 -m "after the sale, please"'],
};

export const merge: Command = {
  ...merging, usage: `merge ${merging.usage}`,
  summary: 'Merge a proposed change into main, and wait until it is what runs',
  details: ['The same as flynn review merge. The plan is shown once more, against main as it is now; the merge is refused when it is something else by then.'],
  examples: ['flynn merge 12', 'flynn merge 12 --no-wait --json'],
};

export const reject: Command = {
  ...closing, usage: `reject ${closing.usage}`,
  summary: 'Close a proposed change without merging it',
  details: ['The same as flynn review close. Its authors may, and whoever may change some of its files.'],
  examples: ['flynn reject 12', 'flynn reject 12 -m "superseded by #14"'],
};

/** What is decided about is what was looked at. */
async function shownForDecision(number: number, context: CommandContext, signal: AbortSignal): Promise<ProposalDetails> {
  const proposal = await shown(number, context, signal);
  // What is over changes nothing any more: that it can't be decided is all that is said of it.
  if (proposal.state === 'open') for (const line of [`#${number} ${proposal.title}`, ...planLines(proposal, palette(context))]) context.err(`  ${line}`);
  return proposal;
}

async function shown(number: number, context: CommandContext, signal: AbortSignal): Promise<ProposalDetails> {
  const client = await context.client();
  if (client.isOffline === true) throw new Failure('proposals are on the cluster\'s server, and not in a clone', {advice: ['leave out --clone']});
  return client.get<ProposalDetails>(`/v1/proposals/${number}`, signal);
}

function numberOf(word: string | undefined): number {
  if (word === undefined) throw new UsageError('which one? flynn review lists them');
  const [, digits] = /^#?([1-9]\d{0,8})$/.exec(word) ?? [];
  if (digits === undefined) throw new UsageError(`"${word}" is no number of a proposal; it has to be like 12`);
  return Number(digits);
}

function lookOf(context: CommandContext) {
  return {nowMs: context.nowMs(), colors: palette(context)};
}
