import {UsageError} from './command.ts';

/** `shop=deployer`; `shop=none` takes a role away, where one can be. Throws `UsageError`. */
export function appRoles(words: readonly string[]): Readonly<Record<string, string | null>> {
  return Object.fromEntries(words.map((word) => {
    const [, app, role] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    if (app === undefined || role === undefined) throw new UsageError(`"${word}" is no role for an app; it has to be like shop=deployer`);
    return [app, noneIsNull(role)];
  }));
}

export function noneIsNull(role: string): string | null {
  return role === 'none' ? null : role;
}

/** `shop=deployer blog=viewer` */
export function appsInWords(apps: Readonly<Record<string, string>>): string {
  return Object.entries(apps).map(([app, of]) => `${app}=${of}`).join(' ');
}

/** What `role <name> [<role>|none] [<app>=<role>|none…]` asks for: at most one word is a role for the whole cluster. */
export function roleChanges(words: readonly string[]): {readonly role?: string | null; readonly apps?: Readonly<Record<string, string | null>>} {
  const [pairs, others] = [words.filter((word) => word.includes('=')), words.filter((word) => !word.includes('='))];
  const [role, second] = others;
  if (second !== undefined) throw new UsageError(`"${second}" is one role too many for the whole cluster; for an app it has to be like shop=${second}`);
  return {...(role !== undefined && {role: noneIsNull(role)}), ...(pairs.length > 0 && {apps: appRoles(pairs)})};
}
