import type {CommitId} from '../../schemas/ids.ts';
import {needOf, type ChangedPath, type Need} from '../access/paths.ts';
import type {Protection} from '../access/protected.ts';
import {RIGHTS, type Right} from '../access/rights.ts';

/** What an approval was given for. */
export interface Reviewer {
  readonly user: string;
  /** Newest commit of the proposal then. */
  readonly tip: CommitId;
  /** What the proposal made of the files it changes, see `resultOf`. */
  readonly result: string;
  /** Of the paths that it changes those that were his to approve, in the form of `pathKey`. */
  readonly paths: readonly string[];
}

/** A proposal as it is now. */
export interface Standing {
  readonly tip: CommitId;
  readonly result: string;
  readonly paths: readonly ChangedPath[];
  readonly authors: readonly string[];
  readonly protection: Protection;
  /** Whether somebody of this name may do something today. Undefined: there is nobody of this name any more. */
  mayOf(user: string): May | undefined;
}

export type May = (right: Right, app?: string) => boolean;

/** Why an approval does not count; undefined: it does. Pure. */
export function whyStale({user, tip, result, paths}: Reviewer, now: Standing): string | undefined {
  if (now.authors.includes(user)) return 'it is of one of its authors';
  const may = now.mayOf(user);
  if (may === undefined) return 'there is nobody of this name any more';
  if (!approvable(now.paths, may).some((path) => paths.includes(path))) return 'what it was for is not his to change any more';
  if (tip !== now.tip) return `it was for ${tip.slice(0, 8)}, and the proposal has changed since`;
  if (result !== now.result) return 'main has changed what becomes of its files since';
  return undefined;
}

/**
 * What has to come before it may be merged, a line each. What somebody changes is either his to change, or that of somebody who has approved it; what is
 * protected takes approvals of people who may change it. `merger`: what he who merges it may do himself. Pure.
 */
export function missingFor(approvals: readonly Reviewer[], now: Standing, merger: May): readonly string[] {
  const counting = approvals.filter((one) => whyStale(one, now) === undefined);
  const lines = now.paths.flatMap((changed): readonly string[] => {
    const need = needOf(changed);
    const {words} = RIGHTS[need.right];
    const able = new Set(counting.filter((one) => one.paths.includes(pathKey(changed.path)) && now.mayOf(one.user)?.(need.right, need.app) === true).map(({user}) => user));
    if (now.protection.isProtected(changed.path) && able.size < now.protection.approvals) {
      return [`${changed.path}: ${able.size} of ${now.protection.approvals} ${now.protection.approvals === 1 ? 'approval' : 'approvals'} of people who may ${words}${ofApp(need)}`];
    }
    return able.size > 0 || merger(need.right, need.app) ? [] : [`${changed.path}: an approval of somebody who may ${words}${ofApp(need)}`];
  });
  return [...new Set(lines)];
}

/** Keys of those paths that somebody may approve, because he might change them himself. Pure. */
export function approvable(paths: readonly ChangedPath[], may: May): readonly string[] {
  return [...new Set(paths.filter((path) => {
    const {right, app} = needOf(path);
    return may(right, app);
  }).map(({path}) => pathKey(path)))];
}

/** How many approvals count for all that is protected, of those that it takes; none where nothing is. Pure. */
export function countOf(approvals: readonly Reviewer[], now: Standing): {readonly has: number; readonly needs: number} {
  const needs = now.paths.some(({path}) => now.protection.isProtected(path)) ? now.protection.approvals : 0;
  return {has: new Set(approvals.filter((one) => whyStale(one, now) === undefined).map(({user}) => user)).size, needs};
}

/** A release gets its number when it is merged: until then it is the same file under whatever number. */
export function pathKey(path: string): string {
  return path.replace(/^(apps\/[^/]+\/releases)\/.*/, '$1/+');
}

function ofApp({app}: Need): string {
  return app === undefined ? '' : ` (${app})`;
}
