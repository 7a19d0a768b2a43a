import path from 'node:path';
import {layout as layoutOf, type Layout} from '../../reconciler/layout.ts';
import {routerFiles} from '../../reconciler/router/files.ts';
import {sshFiles} from '../../reconciler/ssh/files.ts';
import {NAME_PATTERN, problemOfAppName} from '../../schemas/names.ts';

/**
 * What becomes of a part of the data directory:
 * `file` one file; `log` one with the older ones beside it, `.1` and so on; `folder` all plain files below it; `repository` a bare one, `repositories` those in a folder.
 * `left` is made anew, or is the past.
 */
type Kept = 'file' | 'log' | 'folder' | 'repository' | 'repositories' | 'left';

/** Each part of the data directory: a new one doesn't compile until somebody has thought about it. */
const PARTS: Readonly<Record<keyof Layout, Kept>> = {
  settings: 'file', token: 'file', signingKey: 'file', age: 'folder', clusterRepo: 'repository', sources: 'repositories',
  audit: 'log', journal: 'folder', crons: 'folder', restarts: 'file', buildMinutes: 'file', postdeploys: 'folder', pushed: 'file', followed: 'folder',
  // Of these only Caddy's storage and the key that clients know the host by are kept, see below.
  caddy: 'left', caddyShared: 'left', ssh: 'left',
  // Configuration that is written at each start.
  unbound: 'left', haproxy: 'left', hooks: 'left', run: 'left', socket: 'left', pidFile: 'left', execs: 'left', scratch: 'left', restoring: 'left',
  // Nobody waits for these releases any more, or repeats a request of before.
  makings: 'left', usedKeys: 'left',
  // The past: large, and nothing is decided by it. How far receivers of logs have got is of these logs.
  logs: 'left', events: 'left', drains: 'left', builds: 'left', log: 'left',
  root: 'left',
};

export interface Part {
  /** Its path below the data directory. */
  readonly name: string;
  readonly kept: Exclude<Kept, 'left'>;
  /** Below it, what is not kept: a path in the data directory. */
  readonly but?: string;
}

/** What is kept of a data directory. The cluster repository comes first: sources are noted before the release that is made of them, so that theirs are there. */
export function partsOf(layout: Layout): readonly Part[] {
  const nameOf = (place: string) => path.relative(layout.root, place);
  const parts = (Object.entries(PARTS) as [keyof Layout, Kept][]).flatMap(([key, kept]): Part[] => (kept === 'left' ? [] : [{name: nameOf(layout[key]), kept}]));
  const storage = nameOf(routerFiles(layout).caddyStorage);
  return [
    ...parts.filter(({kept}) => kept === 'repository'),
    ...parts.filter(({kept}) => kept !== 'repository'),
    // Certificates with their keys, the account at the authority, and the cluster's own authority. Locks are of processes.
    {name: storage, kept: 'folder', but: `${storage}/locks`},
    {name: nameOf(sshFiles(layout).hostKey), kept: 'file'},
    // Keys of the git server that is followed: see checkout/followed.ts.
    {name: 'known_hosts', kept: 'file'},
  ];
}

/** The member that all of a repository is in. */
export function bundleName(repository: string): string {
  return `${repository.replace(/\.git$/, '')}.bundle`;
}

export function volumeMember({app, name}: {readonly app: string; readonly name: string}): string {
  return `volumes/${app}/${name}.tar`;
}

export type Place =
  | {readonly kind: 'file'; readonly path: string}
  | {readonly kind: 'repository'; readonly path: string; readonly app?: string}
  | {readonly kind: 'volume'; readonly app: string; readonly name: string};

/** What a member is, by its name; undefined: no backup of ours has such a one. A path never leaves the data directory. */
export function placeOf(member: string): Place | undefined {
  const steps = member.split('/');
  if (steps.some((step) => step === '' || step === '.' || step === '..' || /[\\\p{Cc}]/u.test(step))) return undefined;
  const [, app = '', name = ''] = /^volumes\/([^/]+)\/([^/]+)\.tar$/.exec(member) ?? [];
  if (isAppName(app) && new RegExp(NAME_PATTERN).test(name)) return {kind: 'volume', app, name};
  for (const part of partsOf(layoutOf('/'))) {
    const place = within(part, member);
    if (place !== undefined) return place;
  }
  return undefined;
}

function within({name, kept, but}: Part, member: string): Place | undefined {
  const isBelow = member.startsWith(`${name}/`);
  switch (kept) {
    case 'file': return member === name ? {kind: 'file', path: member} : undefined;
    case 'log': return member === name || (member.startsWith(`${name}.`) && /^\d{1,2}$/.test(member.slice(name.length + 1))) ? {kind: 'file', path: member} : undefined;
    case 'folder': return isBelow && (but === undefined || !member.startsWith(`${but}/`)) ? {kind: 'file', path: member} : undefined;
    case 'repository': return member === bundleName(name) ? {kind: 'repository', path: name} : undefined;
    case 'repositories': {
      const app = path.basename(member, '.bundle');
      return member === `${name}/${app}.bundle` && isAppName(app) ? {kind: 'repository', path: `${name}/${app}.git`, app} : undefined;
    }
  }
}

function isAppName(name: string): boolean {
  return name !== '' && problemOfAppName(name) === undefined;
}
