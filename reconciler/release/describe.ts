import type {ReleaseManifest} from '../../schemas/release.ts';

/** `Deploy 1a2b3c4d`, `Rollback to v3`, `Deploy nginx:1.27`: as Heroku lists it. */
export function describeRelease({description, rollbackOf, source}: Pick<ReleaseManifest, 'description' | 'rollbackOf' | 'source'>): string {
  if (description !== undefined) return description;
  if (rollbackOf !== undefined) return `Rollback to v${rollbackOf}`;
  return `Deploy ${source.commit?.slice(0, 8) ?? source.image ?? 'an image'}`;
}
