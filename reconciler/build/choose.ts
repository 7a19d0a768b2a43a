import {parseAppJson} from '../../schemas/app-json.ts';
import type {BuildManifest} from '../../schemas/build.ts';
import {BUILDPACKS_MAX, parseBuildpack, withoutPassword, type BuildpackReference} from '../../schemas/buildpacks.ts';
import {PROJECT_FILE, readProject} from './cnb/project.ts';
import {BuildRefused} from './refused.ts';
import type {Source} from './source.ts';

export type Chosen =
  | {readonly kind: 'dockerfile'}
  /** What somebody named, in that order. `by`: where. */
  | {readonly kind: 'configured'; readonly buildpacks: readonly BuildpackReference[]; readonly by: string}
  /** Ours are asked, one after the other. */
  | {readonly kind: 'detect'};

export interface Choice {
  /** `buildpacks` of app.yaml. */
  readonly buildpacks?: readonly string[];
  /** `build` of app.yaml. */
  readonly build?: BuildManifest;
  readonly env: Readonly<Record<string, string>>;
}

/** What says first which buildpacks it wants, has them: app.yaml, `BUILDPACK_URL`, `.buildpacks`, app.json, project.toml. Then an app's Dockerfile, then detection. */
export async function chooseBuilder(source: Pick<Source, 'root' | 'text'>, {buildpacks = [], build, env}: Choice): Promise<Chosen> {
  if (build?.dockerfile !== undefined) return {kind: 'dockerfile'};
  if (buildpacks.length > 0) return configured(buildpacks, 'app.yaml');
  if (env.BUILDPACK_URL) return configured([env.BUILDPACK_URL], 'BUILDPACK_URL');
  const listed = linesOf(await source.text('.buildpacks'));
  if (listed.length > 0) return configured(listed, '.buildpacks');
  const appJson = parseAppJson((await source.text('app.json')) ?? '{}');
  if (!appJson.ok) throw new BuildRefused(`app.json ${appJson.problem}`);
  if (appJson.value.buildpacks.length > 0) return configured(appJson.value.buildpacks, 'app.json');
  const inProject = readProject((await source.text(PROJECT_FILE)) ?? '').buildpacks;
  if (inProject.length > 0) return configured(inProject, PROJECT_FILE);
  return source.root.has('Dockerfile') ? {kind: 'dockerfile'} : {kind: 'detect'};
}

function configured(names: readonly string[], by: string): Chosen {
  if (names.length > BUILDPACKS_MAX) throw new BuildRefused(`${by} names ${names.length} buildpacks, at most ${BUILDPACKS_MAX} can be used`);
  const buildpacks = names.map((written) => {
    const parsed = parseBuildpack(written);
    if (!parsed.ok) throw new BuildRefused(`buildpack "${withoutPassword(written).slice(0, 200)}" in ${by} ${parsed.problem}`);
    return parsed.value;
  });
  return {kind: 'configured', buildpacks, by};
}

function linesOf(text = ''): readonly string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
}
