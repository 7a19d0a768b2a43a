import {posix} from 'node:path';
import {loadManifest} from '../../schemas/load.ts';
import {REVIEW_APPROVALS_DEFAULT} from '../../schemas/review.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';

/** What a state of the cluster repository says of reviews. */
export interface Protection {
  /** Of people who may make the change themselves. */
  readonly approvals: number;
  /** Nobody changes it directly. */
  isProtected(path: string): boolean;
}

type Read = (path: string) => string | undefined;

const CLUSTER_FILE = 'cluster.yaml';
/** Follows what is protected. */
export const PROPOSE_IT = 'takes a review: propose it instead';

/** As these files have it; `read` is asked for cluster.yaml and, for releases, for the app's app.yaml. Pure. */
export function protectionOf(read: Read): Protection {
  const text = read(CLUSTER_FILE) ?? '';
  const loaded = loadManifest('Cluster', CLUSTER_FILE, text);
  const {approvals = REVIEW_APPROVALS_DEFAULT, paths = []} = loaded.ok ? loaded.value.review ?? {} : {};
  // Somebody has forced a wrong cluster.yaml in. What it protects is not known then, and not nothing.
  if (!loaded.ok && /^review:/m.test(text)) return {approvals, isProtected: () => true};
  const isReviewed = reviewedApps(read);
  return {
    approvals,
    isProtected: (path) => paths.some((pattern) => posix.matchesGlob(path, pattern)) || isReviewed(/^apps\/([^/]+)\/releases\//.exec(path)?.[1]),
  };
}

/** Whether pushes of an app propose their releases: its app.yaml says so, or where they would be written is protected. */
export function areReleasesReviewed(app: string, read: Read): boolean {
  return protectionOf(read).isProtected(`apps/${app}/releases/v0000.yaml`);
}

/** The same edit, for those who write to main at once: refused where that takes a review. */
export function reviewed(edit: Edit): Edit {
  return (read, list) => {
    const changes = edit(read, list);
    const paths = Object.entries(changes).flatMap(([path, text]) => (text === undefined ? filesBelow(path, list) : [path]));
    const {isProtected} = protectionOf(read);
    const path = paths.find(isProtected);
    if (path !== undefined) throw new EditRefused(`${path} ${PROPOSE_IT}, with --propose`);
    return changes;
  };
}

function reviewedApps(read: Read): (app: string | undefined) => boolean {
  const known = new Map<string, boolean>();
  return (app) => {
    if (app === undefined) return false;
    const before = known.get(app);
    if (before !== undefined) return before;
    const file = `apps/${app}/app.yaml`;
    const text = read(file);
    const loaded = text === undefined ? undefined : loadManifest('App', file, text);
    const isReviewed = loaded === undefined ? false : loaded.ok ? loaded.value.review === 'required' : /^review:/m.test(text ?? '');
    known.set(app, isReviewed);
    return isReviewed;
  };
}

/** What is removed may be a folder. */
function filesBelow(path: string, list: Parameters<Edit>[1]): readonly string[] {
  const names = list(path);
  return names.length === 0 ? [path] : names.flatMap((name) => filesBelow(`${path}/${name}`, list));
}
