import type {SourceStatus} from '../../reconciler/source/status.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {Palette} from './color.ts';
import {table} from './table.ts';
import {age} from './time.ts';

interface Look {
  readonly nowMs: number;
  readonly colors: Palette;
}

/** `flynn source` */
export function sourceFacts(app: AppName, source: SourceStatus, look: Look): readonly string[] {
  const {git, branch, path, intervalSeconds, hasHook, lookedAt, nextLookAt} = source;
  const next = nextLookAt === undefined ? '' : `, next in ${age(new Date(look.nowMs).toISOString(), Date.parse(nextLookAt))}`;
  return [
    look.colors.title(`=== ⬢ ${app} Source`),
    ...table([
      ['git', git],
      ['branch', branch],
      ...(path === undefined ? [] : [['path', path] as const]),
      ['state', stateOf(source, look.colors)],
      ['looked', lookedAt === undefined ? 'not yet' : `${age(lookedAt, look.nowMs)} ago${next}`],
      ['every', `${intervalSeconds} s${hasHook ? ', and when a webhook says so' : '; for a webhook: flynn source hook'}`],
    ]).map((line) => `  ${line}`),
  ];
}

/** In one line, for `flynn status` and `flynn info`. */
export function sourceLine(source: SourceStatus, {colors}: Pick<Look, 'colors'>): string {
  const {git, branch, path} = source;
  return `${git} ${branch}${path === undefined ? '' : ` ${path}`}: ${stateOf(source, colors)}`;
}

function stateOf({state, commit, release, deploying, detail}: SourceStatus, {bad, busy}: Palette): string {
  const newest = commit?.slice(0, 8) ?? '';
  switch (state) {
    case 'new': return 'not looked at yet';
    case 'deployed': return `${newest} is deployed${release === undefined ? '' : ` as v${release}`}`;
    case 'deploying': return busy(`${deploying?.slice(0, 8) ?? ''} is being deployed`);
    case 'failed': return bad(`${newest} was not deployed: ${detail ?? ''}`);
    case 'unreachable': return bad(`can't be followed: ${detail ?? ''}`);
    case 'suspended': return 'not followed while the app is suspended';
  }
}
