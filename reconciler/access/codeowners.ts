import {NAME_PATTERN} from '../../schemas/names.ts';
import type {ForgeNames} from '../../schemas/person.ts';
import {mayDo, type Access} from './access.ts';
import {needOf} from './paths.ts';

export const FORGES = ['github', 'gitlab', 'gitea'] as const satisfies readonly (keyof ForgeNames)[];
export type Forge = (typeof FORGES)[number];

export interface CodeownersInput {
  readonly forge: Forge;
  readonly access: Access;
  /** By the names of their files. */
  readonly forgeNames: ReadonlyMap<string, ForgeNames>;
  readonly apps: readonly string[];
}

/**
 * A CODEOWNERS file that says of each path who may change it here, as `paths.ts` has it. GitHub and GitLab take the last line that matches, Gitea all of
 * them, and regular expressions of Go, which know no "but not". The same input gives the same text.
 */
export function codeowners({forge, access, forgeNames, apps}: CodeownersInput): string {
  const unnamed = new Set<string>();
  const ownersOf = (change: Parameters<typeof needOf>[0], isOfNoApp = false): readonly string[] => {
    const {right, app} = needOf(change);
    return [...access.people.values()].filter(({roles}) => mayDo(roles, right, isOfNoApp ? undefined : app)).flatMap(({user, email}) => {
      const name = forgeNames.get(user)?.[forge];
      if (name !== undefined) return [`@${name}`];
      // What begins a comment in such a file can't be written in it.
      if (forge !== 'gitea' && !email.includes('#')) return [email];
      unnamed.add(user);
      return [];
    }).toSorted();
  };
  const changed = {before: true, after: true} as const;
  const everything = ownersOf({path: 'cluster.yaml', ...changed});
  const newApps = ownersOf({path: 'apps/new/app.yaml', before: false, after: true}, true);
  const lines = forge === 'gitea' ? [line('!apps/.*', everything)] : [line('*', everything), line('/apps/', newApps)];
  for (const app of apps.filter((name) => new RegExp(NAME_PATTERN).test(name)).toSorted()) {
    const folder = ownersOf({path: `apps/${app}/app.yaml`, ...changed});
    const secrets = ownersOf({path: `apps/${app}/secrets.yaml`, ...changed});
    const releases = ownersOf({path: `apps/${app}/releases/v0001.yaml`, ...changed});
    if (forge === 'gitea') lines.push(line(`apps/${app}/([^/]+|pages/.*)`, [...new Set([...folder, ...secrets])].toSorted()), line(`apps/${app}/releases/.*`, releases));
    else {
      if (!isSame(folder, newApps)) lines.push(line(`/apps/${app}/`, folder));
      if (!isSame(secrets, folder)) lines.push(line(`/apps/${app}/secrets.yaml`, secrets));
      if (!isSame(releases, folder)) lines.push(line(`/apps/${app}/releases/`, releases));
    }
  }
  return [...headingOf(forge), ...(unnamed.size === 0 ? [] : [`# Not named, because people/<user>.yaml has no forge.${forge}: ${[...unnamed].toSorted().join(', ')}`]), '', ...lines, ''].join('\n');
}

function headingOf(forge: Forge): readonly string[] {
  return [
    `# Written by "flynn codeowners --${forge}" out of people/ and teams/: who may change what. Write it anew when these change.`,
    forge === 'gitea'
      ? '# Gitea asks the owners of all lines that match. New apps have no line: it can\'t say "all but these".'
      : '# The last line that matches counts. To remove an app takes who may make one, which no line can say.',
  ];
}

/** A path without owners is one that only the operator may change: of nobody's, so that it does not fall to the owners of a line above. */
function line(pattern: string, owners: readonly string[]): string {
  return [pattern, ...owners].join(' ');
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.join(' ') === other.join(' ');
}
