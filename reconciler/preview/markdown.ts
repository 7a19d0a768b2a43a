import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {Difference} from '../desired/difference.ts';
import {appWords, costWords, fileWords, headOf, summaryOf} from './words.ts';

/** What would become of the cluster if a change were merged now. */
export interface ChangePlan {
  /** Of the cluster: two that follow one repository each have a plan of their own. */
  readonly domain: string;
  /** The commits, 40 hex digits: what is there now, and the newest of the change. Absent: it is not said. */
  readonly base?: string;
  readonly head?: string;
  readonly outcome: PlanOutcome;
}

export type PlanOutcome =
  /** `warnings`: what is no mistake, and should be known. */
  | {readonly result: 'fine'; readonly difference: Difference; readonly warnings?: readonly Diagnostic[]}
  /** `problems`: a line each, as a push is told. */
  | {readonly result: 'wrong'; readonly problems: readonly string[]}
  /** Both sides have changed the same lines of these files. */
  | {readonly result: 'conflict'; readonly files: readonly string[]};

/** GitHub takes 65,536 characters for a comment, GitLab a million, Gitea does not say: the rest is for what they count otherwise. */
export const COMMENT_LENGTH_MAX = 60_000;
/** Of one block; the rest is in `git diff`. Four blocks and the frame leave room for those of some apps. */
const LINES_MAX = 60;
const LINE_LENGTH_MAX = 300;
const BLOCK_LENGTH_MAX = 8_000;
/** So many apps are unfolded. */
const OPEN_MAX = 5;

/** The first line of a plan, which says whose it is: how its comment is found again. */
export function planMarker(domain: string): string {
  return `<!-- flynn plan of ${domain.replaceAll(/[^a-z0-9.-]/gi, '')} -->`;
}

/** One line: what a commit status says of it. */
export function planSummary({outcome}: Pick<ChangePlan, 'outcome'>): string {
  switch (outcome.result) {
    case 'fine': return summaryOf(outcome.difference);
    case 'wrong': return `${outcome.problems.length} ${outcome.problems.length === 1 ? 'problem' : 'problems'} in the manifests`;
    case 'conflict': return `it conflicts with main in ${outcome.files.length} ${outcome.files.length === 1 ? 'file' : 'files'}`;
  }
}

/**
 * For a comment of a pull request. Whatever comes from manifests stands in fenced blocks, in which nothing is a mention, a link or HTML; only names that can't be
 * anything else stand outside of them.
 */
export function planMarkdown(plan: ChangePlan, lengthMax = COMMENT_LENGTH_MAX): string {
  const start = [planMarker(plan.domain), `### Plan: ${planSummary(plan)}`];
  const end = [...endOf(plan.outcome), footOf(plan)];
  const left = lengthMax - [...start, ...end].join('\n\n').length - MORE_LENGTH;
  const blocks = plan.outcome.result === 'fine' ? fitting(details(plan.outcome.difference), left) : [];
  return `${[...start, ...blocks, ...end].join('\n\n')}\n`;
}

/** Whether two comments say the same of a change, whatever main was called when they were written, and however a forge writes the ends of lines. */
export function isSamePlan(one: string, other: string): boolean {
  const said = (markdown: string) => markdown.split(/\r?\n/).filter((line) => !line.startsWith('<sub>Plan')).join('\n').trim();
  return said(one) === said(other);
}

/** What comes after the apps. */
function endOf(outcome: PlanOutcome): readonly string[] {
  switch (outcome.result) {
    case 'wrong': return ['It would be refused:', fenced(outcome.problems)];
    case 'conflict': return ['Bring it up to date with `main` first:', fenced(outcome.files)];
    case 'fine': {
      const {difference, warnings = []} = outcome;
      const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [`**${title}**`, fenced(lines)]);
      return [
        ...section('Rights', difference.people),
        ...section('Certificates', difference.certificates),
        ...section('Memory and cores', costWords(difference)),
        ...section('Look at this', warnings.map(formatDiagnostic)),
      ];
    }
  }
}

/** One app or file each: the first of several lines says what is in it. */
function details({apps, shared}: Difference): readonly string[] {
  const isOpen = apps.length + shared.length <= OPEN_MAX;
  return [
    ...shared.map((file) => collapsible(`~ ${file.file}`, fileWords(file), isOpen)),
    ...apps.map((app) => collapsible(headOf(app), appWords(app), isOpen)),
  ];
}

function collapsible(title: string, lines: readonly string[], isOpen: boolean): string {
  return [`<details${isOpen ? ' open' : ''}><summary><code>${html(title)}</code></summary>`, '', fenced(lines), '', '</details>'].join('\n');
}

/** Of the line that says how many blocks there are beside those shown, and of what joins it all. */
const MORE_LENGTH = 200;

function fitting(blocks: readonly string[], lengthMax: number): readonly string[] {
  let length = 0;
  const count = blocks.findIndex((block) => (length += block.length + 2) > lengthMax);
  return count === -1 ? blocks : [...blocks.slice(0, count), `… and ${blocks.length - count} more: \`flynn plan --against main\` in a clone shows all.`];
}

/** A fence that is longer than any run of backticks in it ends where we end it (CommonMark 0.31, 4.5). */
function fenced(lines: readonly string[]): string {
  let length = 0;
  const fit = lines.slice(0, LINES_MAX).map(tame).filter((line) => (length += line.length + 1) <= BLOCK_LENGTH_MAX);
  const shown = fit.length === lines.length ? fit : [...fit, `… and ${lines.length - fit.length} more`];
  const text = shown.length === 0 ? 'nothing of it is said in words' : shown.join('\n');
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${fence}text\n${text}\n${fence}`;
}

/** One line, without characters that hide or turn round what is read. */
function tame(line: string): string {
  const clean = line.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
  return clean.length > LINE_LENGTH_MAX ? `${clean.slice(0, LINE_LENGTH_MAX)}…` : clean;
}

/** For a summary, which is HTML: a name that is none of ours is shown without what could be a mention or a tag. */
function html(text: string): string {
  return tame(text).replaceAll(/[^\p{L}\p{N} ~+./_→-]/gu, '?');
}

function footOf({base, head}: ChangePlan): string {
  const commits = [...(head === undefined ? [] : [`of \`${head.slice(0, 8)}\``]), ...(base === undefined ? [] : [`against \`${base.slice(0, 8)}\``])].join(' ');
  return `<sub>${commits === '' ? '' : `Plan ${commits}. `}Values of secrets are never shown.</sub>`;
}
