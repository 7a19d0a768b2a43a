/** What one layer adds to an environment, as files say. */
export interface LayerContents {
  /** `/layers/<buildpack>/<layer>`. */
  readonly folder: string;
  /** Folders right in it. */
  readonly folders: ReadonlySet<string>;
  /** Contents of the files below `env`, `env.build` and `env.launch`, by their path in the layer. */
  readonly files: ReadonlyMap<string, string>;
  /** Paths in the layer of what is below `exec.d`. */
  readonly programs: readonly string[];
}

/** One change of one variable. `delimiter` stands between the value that it had, unless that was empty, and the new one. */
export type Change =
  | {readonly kind: 'override' | 'default'; readonly name: string; readonly value: string}
  | {readonly kind: 'append' | 'prepend'; readonly name: string; readonly value: string; readonly delimiter: string};

type Environment = Readonly<Record<string, string>>;

/** Which variables find what is in a folder of a layer (Buildpack API, "Layer Paths"). */
const BUILD_PATHS = {bin: ['PATH'], lib: ['LD_LIBRARY_PATH', 'LIBRARY_PATH'], include: ['CPATH'], pkgconfig: ['PKG_CONFIG_PATH']};
const LAUNCH_PATHS = {bin: ['PATH'], lib: ['LD_LIBRARY_PATH']};
const PATH_VARIABLES: readonly string[] = Object.values(BUILD_PATHS).flat();

/** For later buildpacks of the same build, of the layers that one buildpack marked with `build`. */
export function buildChanges(layers: readonly LayerContents[]): readonly Change[] {
  return sorted(layers).flatMap(layer => [...pathChanges(layer, BUILD_PATHS), ...fileChanges(layer, 'env'), ...fileChanges(layer, 'env.build')]);
}

/** For the app when it starts, of one buildpack's launch layers. `process` has variables of its own. */
export function launchChanges(layers: readonly LayerContents[], process?: string): readonly Change[] {
  const folders = ['env', 'env.launch', ...(process === undefined ? [] : [`env.launch/${process}`])];
  return [...sorted(layers).flatMap(layer => pathChanges(layer, LAUNCH_PATHS)), ...sorted(layers).flatMap(layer => folders.flatMap(folder => fileChanges(layer, folder)))];
}

/** Absolute paths of the programs that compute variables when the app starts, of one buildpack's launch layers, in their order. */
export function launchPrograms(layers: readonly LayerContents[], process?: string): readonly string[] {
  const folders = ['exec.d', ...(process === undefined ? [] : [`exec.d/${process}`])];
  return sorted(layers).flatMap(({folder, programs}) => folders.flatMap(below => programs.filter(program => parentOf(program) === below).sort().map(program => `${folder}/${program}`)));
}

/** The processes that a layer treats differently. */
export function processesOf({files, programs}: LayerContents): readonly string[] {
  return [...files.keys(), ...programs].flatMap(file => /^(?:env\.launch|exec\.d)\/([^/]+)\/[^/]+$/.exec(file)?.[1] ?? []);
}

export function applyChanges(env: Environment, changes: readonly Change[]): Environment {
  const result: Record<string, string> = {...env};
  for (const change of changes) {
    const before = result[change.name] ?? '';
    if (change.kind === 'override' || (change.kind === 'default' && before === '')) result[change.name] = change.value;
    if (change.kind === 'prepend') result[change.name] = before === '' ? change.value : change.value + change.delimiter + before;
    if (change.kind === 'append') result[change.name] = before === '' ? change.value : before + change.delimiter + change.value;
  }
  return result;
}

/** What people set wins, except that their paths are put in front of those that are there ("Provided by the Platform"). */
export function withUserEnv(env: Environment, user: Environment): Environment {
  return applyChanges(env, Object.entries(user).map(([name, value]): Change => (PATH_VARIABLES.includes(name) ? {kind: 'prepend', name, value, delimiter: ':'} : {kind: 'override', name, value})));
}

function pathChanges({folder, folders}: LayerContents, paths: Readonly<Record<string, readonly string[]>>): readonly Change[] {
  return Object.entries(paths).flatMap(([below, names]) => (folders.has(below) ? names.map((name): Change => ({kind: 'prepend', name, value: `${folder}/${below}`, delimiter: ':'})) : []));
}

/** The changes of one `env` folder, in the order of its files' names ("Environment Variable Modification Rules"). */
function fileChanges({files}: LayerContents, folder: string): readonly Change[] {
  const names = [...files.keys()].filter(file => parentOf(file) === folder).sort();
  return names.flatMap((file): readonly Change[] => {
    const [, name = '', suffix = 'override'] = /^([A-Za-z_][A-Za-z0-9_]*)(?:\.(.*))?$/.exec(file.slice(folder.length + 1)) ?? [];
    const value = files.get(file) ?? '';
    if (name === '') return [];
    if (suffix === 'override' || suffix === 'default') return [{kind: suffix, name, value}];
    if (suffix === 'append' || suffix === 'prepend') return [{kind: suffix, name, value, delimiter: files.get(`${folder}/${name}.delim`) ?? ''}];
    return [];
  });
}

function parentOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/'));
}

/** By the layer's name, ascending. */
function sorted(layers: readonly LayerContents[]): readonly LayerContents[] {
  return layers.toSorted((one, other) => (one.folder < other.folder ? -1 : 1));
}
