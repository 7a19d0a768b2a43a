import type {AppName} from '../../schemas/ids.ts';

interface Owned {
  readonly app: AppName;
  /** Exact, `*.example.com`, or `*` for all that is nobody else's. */
  readonly host: string;
  readonly path: string;
}

/** Whose a request is that no replica got: of the nearest host that has a path for it the longest path's, or else of anybody with that host. */
export function ownerOfRequests(routes: readonly Owned[]): (host: string, path: string) => AppName | undefined {
  const byHost = Map.groupBy(routes.toSorted((a, b) => b.path.length - a.path.length), ({host}) => host);
  return (host, path) => {
    for (const one of hostsFor(host)) {
      const owned = byHost.get(one);
      if (owned !== undefined) return (owned.find((route) => isBelow(path, route.path)) ?? owned[0])?.app;
    }
    return undefined;
  };
}

/** The host itself, then wildcards, the nearest first. */
function hostsFor(host: string): readonly string[] {
  const labels = host.split('.');
  return [host, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`), '*'];
}

/** On whole segments, without the query. */
function isBelow(path: string, prefix: string): boolean {
  const [asked = ''] = path.split('?', 1);
  return prefix === '/' || asked === prefix || asked.startsWith(`${prefix}/`);
}
