import {BuildRefused} from './refused.ts';
import type {Source} from './source.ts';

/** Ours, in the order in which they are asked whether an app is theirs. */
export const BUILDPACKS = ['nodejs', 'static'] as const;
export type BuildpackName = (typeof BUILDPACKS)[number];

export type Chosen =
  | {readonly kind: 'dockerfile'}
  /** One that the app names, or all of ours. */
  | {readonly kind: 'buildpack'; readonly candidates: readonly BuildpackName[]; readonly isConfigured: boolean};

/** An app's own choice counts first (`BUILDPACK_URL`, then one line in `.buildpacks`), then its Dockerfile, then detection. */
export async function chooseBuilder(source: Pick<Source, 'root' | 'text'>, env: Readonly<Record<string, string>>): Promise<Chosen> {
  const configured = env.BUILDPACK_URL ? [env.BUILDPACK_URL] : linesOf(await source.text('.buildpacks'));
  if (configured.length > 1) throw new BuildRefused(`.buildpacks names ${configured.length} buildpacks, one is supported`);
  const [name] = configured;
  if (name !== undefined) return {kind: 'buildpack', candidates: [buildpackNamed(name)], isConfigured: true};
  if (source.root.has('Dockerfile')) return {kind: 'dockerfile'};
  return {kind: 'buildpack', candidates: BUILDPACKS, isConfigured: false};
}

function buildpackNamed(written: string): BuildpackName {
  const found = BUILDPACKS.find(name => name === written.replace(/^(heroku|flynn)\//, ''));
  if (!found) throw new BuildRefused(`buildpack "${written.slice(0, 200)}" is not known, expected one of ${BUILDPACKS.join(', ')}`);
  return found;
}

function linesOf(text = ''): readonly string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
}
