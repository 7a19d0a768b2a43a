import {parseBuildpack} from '../../../schemas/buildpacks.ts';
import {BuildRefused} from '../refused.ts';
import {readToml, type Table} from './toml.ts';

/** What a `project.toml` says about the build (Project Descriptor 0.2, and 0.1, whose tables have other names). */
export interface Project {
  /** Its whole list, in order, as one would write it in app.yaml; empty when it leaves the choice to others. */
  readonly buildpacks: readonly string[];
  /** Patterns in the form of .gitignore: all else is removed before the build. */
  readonly include: readonly string[];
  /** What is removed before the build. */
  readonly exclude: readonly string[];
  /** Variables of the build; those of the app win. */
  readonly env: Readonly<Record<string, string>>;
  /** What is understood and does nothing. */
  readonly warnings: readonly string[];
}

export const PROJECT_FILE = 'project.toml';

export function readProject(text: string, where: string = PROJECT_FILE): Project {
  const root = readToml(text, where);
  const isOld = !root.has('_') && (root.has('project') || root.has('build'));
  const section = isOld ? root.table('build') : root.table('io').table('buildpacks');
  const group = (table: Table, key: string) => table.tables(key).map((entry, index) => projectBuildpack(entry, `${where}: buildpack ${index + 1}`));
  const buildpacks = group(section, isOld ? 'buildpacks' : 'group');
  const pre = isOld ? [] : group(section.table('pre'), 'group');
  const post = isOld ? [] : group(section.table('post'), 'group');
  if (buildpacks.length === 0 && pre.length + post.length > 0) {
    throw new BuildRefused(`${where} has buildpacks to put before or after those of a builder, and there are no builders here; expected [[io.buildpacks.group]]`);
  }
  const [include, exclude] = [section.texts('include'), section.texts('exclude')];
  if (include.length > 0 && exclude.length > 0) throw new BuildRefused(`${where} has both "include" and "exclude", expected one of them`);
  const variables = isOld ? section.tables('env') : section.table('build').tables('env');
  const builder = section.text('builder');
  return {
    buildpacks: [...pre, ...buildpacks, ...post],
    include,
    exclude,
    env: Object.fromEntries(variables.map(entry => [entry.text('name') ?? '', entry.text('value') ?? ''])),
    warnings: builder === undefined ? [] : [`${where}: builder "${builder.slice(0, 100)}" counts nothing, apps are built on the Flynn stack`],
  };
}

function projectBuildpack(entry: Table, where: string): string {
  const [id = '', version, uri] = [entry.text('id'), entry.text('version'), entry.text('uri')];
  if (entry.has('script')) throw new BuildRefused(`${where} is a script in the file itself, which is not run here: make it a folder with buildpack.toml, bin/detect and bin/build`);
  if (uri === undefined) {
    // Heroku's own: ours build the same apps.
    const ours = parseBuildpack(id);
    if (ours.ok && ours.value.kind === 'built-in') return ours.value.name;
  }
  if (uri === undefined || /^(docker:|urn:|from=)/.test(uri)) {
    const named = uri ?? (version === undefined ? id : `${id}@${version}`);
    throw new BuildRefused(`${where}: "${named.slice(0, 200)}" names a buildpack in a builder, an image or the buildpack registry, and none of them is asked here; expected "uri" with a git URL, a tarball's URL or a path in the repository`);
  }
  // A path needs no dot in front of it there.
  return /^(\.{1,2}\/|\/|[a-z][a-z0-9+.-]*:)/i.test(uri) ? uri : `./${uri}`;
}
