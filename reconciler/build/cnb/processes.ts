import {serviceName} from '../procfile.ts';
import {BuildRefused} from '../refused.ts';
import {isForProduction} from './descriptor.ts';
import {quoted} from './launch.ts';
import {readToml} from './toml.ts';

/** A way to start the app, which a buildpack names in its `launch.toml`. */
export interface Process {
  readonly type: string;
  /** Program and arguments. */
  readonly words: readonly string[];
  readonly isDefault: boolean;
  /** Relative to the app's folder, which it is when not given. */
  readonly workingFolder?: string;
}

export interface Launch {
  readonly processes: readonly Process[];
  /** Of the image. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Services {
  /** Argument vector by service. A single word is a line for a shell, as everywhere here. */
  readonly commands: Readonly<Record<string, readonly string[]>>;
  /** The process type that a service runs. */
  readonly types: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

const PROCESSES_MAX = 50;

export function readLaunch(text: string, where: string): Launch {
  const root = readToml(text, where);
  const processes = root.tables('processes').filter(isForProduction).map((process): Process => {
    const type = process.text('type') ?? '';
    if (!/^[A-Za-z0-9._-]+$/.test(type)) throw new BuildRefused(`${where}: "${type.slice(0, 80)}" can't be a process type, expected letters, digits and "._-"`);
    if (process.has('direct')) throw new BuildRefused(`${where}: process "${type}" has "direct", which there is none of since Buildpack API 0.9`);
    const words = [...process.texts('command'), ...process.texts('args')];
    if (process.texts('command').length === 0) throw new BuildRefused(`${where}: process "${type}" has no command`);
    const workingFolder = process.text('working-dir');
    return {type, words, isDefault: process.flag('default'), ...(workingFolder && {workingFolder})};
  });
  const defaults = processes.filter(({isDefault}) => isDefault).map(({type}) => type);
  if (defaults.length > 1) throw new BuildRefused(`${where}: more than one process is the default: ${defaults.join(', ')}`);
  const labels = root.tables('labels').map(label => [label.text('key') ?? '', label.text('value') ?? '']);
  return {processes, labels: Object.fromEntries(labels)};
}

/** Of two processes of one type the last counts; so does the last default, unless a process of its type comes after it without being one. */
export function combineProcesses(all: readonly Process[]): {readonly processes: readonly Process[]; readonly defaultType?: string} {
  const byType = new Map<string, Process>();
  let defaultType: string | undefined;
  for (const process of all) {
    if (process.isDefault) defaultType = process.type;
    else if (defaultType === process.type) defaultType = undefined;
    byType.set(process.type, process);
  }
  const processes = [...byType.values()].sort((one, other) => (one.type < other.type ? -1 : 1));
  return {processes, ...(defaultType !== undefined && {defaultType})};
}

/** Services have the names of DNS labels; the default process is `web` where no other is. */
export function servicesOf({processes, defaultType}: ReturnType<typeof combineProcesses>): Services {
  const warnings: string[] = [];
  const found = new Map<string, Process>();
  for (const process of processes) {
    const service = serviceName(process.type);
    if (service === undefined) warnings.push(`process type "${process.type.slice(0, 80)}" can't be a service's name and is left out`);
    else if (found.has(service)) warnings.push(`process type "${process.type}" is left out: there is a service "${service}" already`);
    else if (found.size >= PROCESSES_MAX) warnings.push(`process type "${process.type}" is left out: more than ${PROCESSES_MAX}`);
    else {
      if (service !== process.type) warnings.push(`process type "${process.type}" is service "${service}"`);
      found.set(service, process);
    }
  }
  const standard = processes.find(({type}) => type === defaultType);
  if (standard && !found.has('web')) {
    warnings.push(`process type "${standard.type}" is the default, so it is service "web" too`);
    found.set('web', standard);
  }
  return {
    commands: Object.fromEntries([...found].map(([service, process]) => [service, commandOf(process)])),
    types: Object.fromEntries([...found].map(([service, {type}]) => [service, type])),
    warnings,
  };
}

function commandOf({words, workingFolder}: Process): readonly string[] {
  if (workingFolder !== undefined) return ['env', `--chdir=${workingFolder}`, ...words];
  return words.length === 1 ? words.map(quoted) : words;
}
