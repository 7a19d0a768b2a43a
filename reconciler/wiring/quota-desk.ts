import type {BuildMinutes} from '../builds/minutes.ts';
import {standingsOf} from '../desired/quota-check.ts';
import {allowanceInWords, amountInWords, ownerOf, scopesOf, type QuotaScope, type Quotas} from '../desired/quotas.ts';
import type {DesiredApp} from '../desired/state.ts';
import type {QuotaDesk, QuotaStanding} from '../node.ts';
import type {AppName} from '../../schemas/ids.ts';

export interface QuotaDeskParts {
  readonly minutes: BuildMinutes;
  /** What an app's minutes are counted under: they are not forgotten when it is renamed. */
  idOf(app: AppName): string;
  quotas(): Quotas;
  apps(): readonly DesiredApp[];
}

/** What quotas there are, and what of them is used. */
export function quotaDesk(parts: QuotaDeskParts): QuotaDesk & {buildProblem(app: AppName): string | undefined} {
  const {minutes} = parts;
  const namesOf = ({kind, name}: QuotaScope): readonly string[] => (kind === 'app' ? [name] : parts.apps().map(({name: app}) => app as string).filter((app) => ownerOf(parts.quotas(), app) === name));
  const minutesOf = (scope: QuotaScope): number => namesOf(scope).reduce((sum, app) => sum + minutes.used(parts.idOf(app as AppName), Date.now()), 0);

  return {
    standings() {
      const quotas = parts.quotas();
      const apps = parts.apps();
      const counted = standingsOf(quotas, apps).map(({scope, field, used, allowed, by}): QuotaStanding => ({kind: scope.kind, name: scope.name, field, used, allowed, apps: by.map(({app}) => app)}));
      const scopes = new Map([...quotas.teams.values(), ...apps.flatMap(({name}) => scopesOf(quotas, name))].map((scope) => [`${scope.kind} ${scope.name}`, scope]));
      const built = [...scopes.values()].flatMap((scope): QuotaStanding[] => {
        const allowed = scope.allowed.buildMinutes;
        return allowed === undefined ? [] : [{kind: scope.kind, name: scope.name, field: 'buildMinutes', used: Math.round(minutesOf(scope) * 10) / 10, allowed, apps: namesOf(scope)}];
      });
      return [...counted, ...built].toSorted((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));
    },
    buildProblem(app) {
      const full = scopesOf(parts.quotas(), app).find((scope) => minutesOf(scope) >= (scope.allowed.buildMinutes ?? Infinity));
      if (full === undefined) return undefined;
      return `over quota: ${allowanceInWords(full, 'buildMinutes')} in a month, and has had ${amountInWords('buildMinutes', minutesOf(full))}; a new month begins on the 1st (UTC)`;
    },
  };
}
