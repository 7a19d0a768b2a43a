import {BuildRefused} from '../refused.ts';
import {readToml, type Table} from './toml.ts';

/** Versions of the Buildpack API whose rules are kept here. */
export const SUPPORTED_APIS = ['0.10', '0.11', '0.12'] as const;

/** What a `buildpack.toml` says (Buildpack API 0.12, "buildpack.toml"). */
export interface Descriptor {
  /** Where it is in the build's container. */
  readonly folder: string;
  readonly api: string;
  readonly id: string;
  readonly version: string;
  /** For people; the id where it has none. */
  readonly name: string;
  /** Config vars are files only, not in the environment of its scripts. */
  readonly clearsEnv: boolean;
  /** What it is made for; none: any Linux. */
  readonly targets: readonly Target[];
  /** Groups of other buildpacks, tried in this order. A buildpack that has them has no scripts of its own. */
  readonly order: readonly Group[];
  readonly isForProduction: boolean;
}

export type Group = readonly GroupMember[];

export interface GroupMember {
  readonly id: string;
  /** Any unless given. */
  readonly version?: string;
  readonly isOptional: boolean;
}

export interface Target {
  readonly os?: string;
  readonly arch?: string;
  /** Any unless there are some. */
  readonly distros: readonly Distribution[];
}

export interface Distribution {
  readonly name?: string;
  readonly version?: string;
}

/** What images of this node's stack are: `linux`, `amd64`, Debian and its number. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
  readonly distribution: Required<Distribution>;
}

/** Reserved by the specification, because each id is also a folder in /layers. */
const RESERVED_IDS = ['app', 'config', 'generated', 'sbom'];
const NAME_MAX = 200;
/** Which distribution a stack of the time before targets was: the specification's own translation. */
const STACK_DISTRIBUTIONS: Readonly<Record<string, Distribution>> = {'io.buildpacks.stacks.bionic': {name: 'ubuntu', version: '18.04'}};

/** Reads a buildpack.toml. Which API it wants is only looked at by `checkApi`: a repository may hold some that nobody uses. */
export function readDescriptor(text: string, {folder, where}: {folder: string; where: string}): Descriptor {
  const root = readToml(text, where);
  const buildpack = root.table('buildpack');
  const id = buildpack.text('id') ?? '';
  if (!/^[A-Za-z0-9./-]{1,200}$/.test(id) || /(^|\/)\.*(\/|$)/.test(id) || RESERVED_IDS.includes(id)) {
    throw new BuildRefused(`${where}: buildpack.id "${id.slice(0, NAME_MAX)}" can't be a buildpack's id, expected letters, digits and "./-" such as "samples/hello"`);
  }
  const order = root.tables('order').map(group => group.tables('group').filter(isForProduction).map(member => groupMember(member, where)));
  return {
    folder,
    id,
    api: root.text('api') ?? '',
    version: buildpack.text('version') ?? '',
    name: (buildpack.text('name') ?? id).slice(0, NAME_MAX),
    clearsEnv: buildpack.flag('clear-env'),
    targets: [...root.tables('targets').map(target), ...root.tables('stacks').flatMap(stack)],
    order,
    isForProduction: isForProduction(buildpack),
  };
}

/** Throws when the buildpack follows other rules than ours. */
export function checkApi({api, id}: Descriptor): void {
  if ((SUPPORTED_APIS as readonly string[]).includes(api)) return;
  const range = `${SUPPORTED_APIS[0]} to ${SUPPORTED_APIS.at(-1)}`;
  throw new BuildRefused(api === '' ? `buildpack "${id}" does not say which Buildpack API it is for (api = "0.11" in buildpack.toml)` : `buildpack "${id}" is for Buildpack API ${api}, understood are ${range}`);
}

/** Why a buildpack does not work on this platform; undefined when it does. */
export function targetProblem({targets}: Descriptor, {os, arch, distribution}: Platform): string | undefined {
  const fits = targets.some(wanted => (wanted.os ?? os) === os && (wanted.arch ?? arch) === arch && (wanted.distros.length === 0 || wanted.distros.some(one => isDistribution(one, distribution))));
  if (targets.length === 0 || fits) return undefined;
  const made = targets.map(({os: wantedOs = 'any', arch: wantedArch = 'any', distros}) => [`${wantedOs}/${wantedArch}`, ...distros.map(({name = 'any', version = ''}) => `${name} ${version}`.trim())].join(' '));
  return `made for ${made.join(', ')}, this is ${os}/${arch} ${distribution.name} ${distribution.version}`;
}

/** The folder of a buildpack below /layers. */
export function layersFolder(id: string): string {
  return `/layers/${id.replaceAll('/', '_')}`;
}

/** Whether `exec-env` leaves out production, the only environment that is built for here. Written as texts or, in one place, as tables. */
export function isForProduction(table: Table): boolean {
  const written = table.value('exec-env');
  const isOfTables = Array.isArray(written) && written.some(one => typeof one === 'object');
  const names = isOfTables ? table.tables('exec-env').map(one => one.text('name') ?? '') : table.texts('exec-env');
  return names.length === 0 || names.includes('production') || names.includes('*');
}

function groupMember(member: Table, where: string): GroupMember {
  const id = member.text('id');
  if (id === undefined) throw new BuildRefused(`${where}: a buildpack of a group has no "id"`);
  const version = member.text('version');
  return {id, ...(version && {version}), isOptional: member.flag('optional')};
}

function target(table: Table): Target {
  const [os, arch] = [table.text('os'), table.text('arch')];
  return {...(os && {os}), ...(arch && {arch}), distros: table.tables('distros').map(distribution)};
}

function distribution(table: Table): Distribution {
  const [name, version] = [table.text('name'), table.text('version')];
  return {...(name && {name}), ...(version && {version})};
}

/** `*` is any; others than the one in the specification are no distribution that there is. */
function stack(table: Table): readonly Target[] {
  const id = table.text('id') ?? '';
  return [{os: 'linux', distros: id === '*' ? [] : [STACK_DISTRIBUTIONS[id] ?? {name: id}]}];
}

function isDistribution(wanted: Distribution, {name, version}: Required<Distribution>): boolean {
  return (wanted.name ?? name) === name && (wanted.version ?? version) === version;
}
