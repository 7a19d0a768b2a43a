import {isDeepStrictEqual} from 'node:util';
import {claimInWords, claimKey} from '../../schemas/route-place.ts';
import type {ContainerTemplate, DesiredApp, DesiredRoute, DesiredService, ResolvedApp} from './state.ts';

/** What follows from a change of an app's files, for people. */
export interface Effects {
  /** `web: 4 replicas instead of 2` */
  readonly sentences: readonly string[];
  readonly replicas: ReplicaCounts;
}

export interface ReplicaCounts {
  readonly starts: number;
  readonly stops: number;
  /** By new ones. */
  readonly replaced: number;
}

/** More of them are no news. */
const SENTENCES_MAX = 40;
/** Parts of a container that are named as why it is replaced. */
const REASONS_MAX = 5;
const NO_REPLICAS: ReplicaCounts = {starts: 0, stops: 0, replaced: 0};

/** Absent: there is no such app. */
export function effectsOf(from: DesiredApp | undefined, to: DesiredApp | undefined): Effects {
  // Its last good manifests stay (rule 5), and which these are is not known here.
  if (to?.state === 'invalid') return {sentences: ['its manifests are wrong: it keeps what it has'], replicas: NO_REPLICAS};
  const before = from?.state === 'invalid' ? undefined : from;
  const services = servicesChange(before, to);
  const sentences = [
    ...(from?.state === 'invalid' ? ['its manifests were wrong: what runs now is not known here'] : []),
    ...services.map(({sentence}) => sentence),
    ...(to?.releaseJob !== undefined && before?.specKey !== to.specKey ? ['the release command runs first'] : []),
    ...routesChange(before?.routes ?? [], to?.routes ?? []),
    ...portsChange(before?.tcp ?? [], to?.tcp ?? []),
    ...volumesChange(before, to),
    ...cronsChange(before?.crons ?? [], to?.crons ?? []),
  ];
  const sum = (of: (counts: ReplicaCounts) => number) => services.reduce((all, {counts}) => all + of(counts), 0);
  return {
    sentences: sentences.length <= SENTENCES_MAX ? sentences : [...sentences.slice(0, SENTENCES_MAX), `… and ${sentences.length - SENTENCES_MAX} more`],
    replicas: {starts: sum(({starts}) => starts), stops: sum(({stops}) => stops), replaced: sum(({replaced}) => replaced)},
  };
}

/** `2 replicas` */
export function counted(count: number, one = 'replica', many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

interface ServiceChange {
  readonly sentence: string;
  readonly counts: ReplicaCounts;
}

function servicesChange(from: ResolvedApp | undefined, to: ResolvedApp | undefined): readonly ServiceChange[] {
  const [old, now] = [running(from), running(to)];
  const names = [...new Set([...old, ...now].map(({name}) => name))].toSorted();
  // Its containers have its name in their environment, and are found by it.
  const renamed = from !== undefined && to !== undefined && from.name !== to.name ? ["the app's name"] : [];
  return names.flatMap((name): readonly ServiceChange[] => {
    const [before, after] = [old.find((one) => one.name === name), now.find((one) => one.name === name)];
    const [had, wants] = [before?.replicas ?? 0, after?.replicas ?? 0];
    const why = before !== undefined && after !== undefined && had > 0 && wants > 0 && (renamed.length > 0 || before.specHash !== after.specHash) ? [...renamed, ...whyReplaced(before, after, [from?.release, to?.release])] : undefined;
    if (had === wants && why === undefined) return [];
    if (wants === 0) return [{sentence: `${name}: ${counted(had)} ${had === 1 ? 'stops' : 'stop'}`, counts: {...NO_REPLICAS, stops: had}}];
    if (had === 0) return [{sentence: `${name}: ${counted(wants)} ${wants === 1 ? 'starts' : 'start'}`, counts: {...NO_REPLICAS, starts: wants}}];
    const count = had === wants ? counted(wants) : `${counted(wants)} instead of ${had}`;
    const replaced = why === undefined ? '' : `, ${had === 1 ? 'which is replaced by a new one' : 'all are replaced by new ones'}${why.length === 0 ? '' : ` (${reasonWords(why)})`}`;
    return [{sentence: `${name}: ${count}${replaced}`, counts: {starts: Math.max(0, wants - had), stops: Math.max(0, had - wants), replaced: why === undefined ? 0 : Math.min(had, wants)}}];
  });
}

function running(app: ResolvedApp | undefined): readonly DesiredService[] {
  return app === undefined || app.isSuspended === true ? [] : app.services;
}

/** Words for parts of a container; others are called what they are. */
const PARTS: Readonly<Partial<Record<keyof ContainerTemplate, string>>> = {
  memoryBytes: 'memory', cpus: 'cores', pidsMax: 'limits', filesMax: 'limits', isRootReadOnly: 'readOnly', isPrivileged: 'privileged', isOnHostNetwork: 'host network', hostMounts: 'host mounts', facts: 'check, port or stop',
};

/** Empty: nothing that people have a word for. */
function whyReplaced({container: before}: DesiredService, {container: after}: DesiredService, [had, has]: readonly [number | undefined, number | undefined]): readonly string[] {
  const reasons = new Set<string>(had === has ? [] : [`release v${has ?? 0}`]);
  for (const part of new Set([...Object.keys(before), ...Object.keys(after)] as (keyof ContainerTemplate)[])) {
    const [old, now] = [before[part], after[part]];
    if (isDeepStrictEqual(old, now)) continue;
    if (part === 'env' || part === 'sealedEnv') for (const name of differingNames(before[part] ?? {}, after[part] ?? {})) reasons.add(`${part === 'env' ? 'env' : 'secret'} ${name}`);
    // A release brings them along.
    else if (had === has || (part !== 'image' && part !== 'command')) reasons.add(PARTS[part] ?? part);
  }
  return [...reasons];
}

function reasonWords(all: readonly string[]): string {
  return all.length <= REASONS_MAX ? all.join(', ') : `${all.slice(0, REASONS_MAX).join(', ')} and ${all.length - REASONS_MAX} more`;
}

function differingNames(from: Readonly<Record<string, string>>, to: Readonly<Record<string, string>>): readonly string[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((name) => from[name] !== to[name]);
}

function routesChange(from: readonly DesiredRoute[], to: readonly DesiredRoute[]): readonly string[] {
  const [old, now] = [byKey(from, claimKey), byKey(to, claimKey)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [before, after] = [old.get(key), now.get(key)];
    if (isDeepStrictEqual(before, after)) return [];
    if (after === undefined) return before === undefined ? [] : [`route ${claimInWords(before)} goes`];
    const leads = leadsTo(after);
    if (before === undefined) return [`route ${claimInWords(after)} is new: leads to ${leads}`];
    if (leadsTo(before) !== leads) return [`route ${claimInWords(after)}: leads to ${leadsTo(before)} → ${leads}`];
    const changed = differingParts({...before.options, https: before.https, stripPrefix: before.stripPrefix}, {...after.options, https: after.https, stripPrefix: after.stripPrefix});
    return [`route ${claimInWords(after)} changes${changed.length === 0 ? '' : `: ${changed.join(', ')}`}`];
  });
}

function leadsTo({service, split, redirect}: DesiredRoute): string {
  if (redirect !== undefined) return `${redirect.to} (${redirect.status})`;
  if (split !== undefined) return split.shares.map(({service: name, weight}) => `${name} (${weight})`).join(', ');
  return service ?? '';
}

function differingParts(from: Readonly<Record<string, unknown>>, to: Readonly<Record<string, unknown>>): readonly string[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter((part) => !isDeepStrictEqual(from[part], to[part])).toSorted();
}

function portsChange(from: NonNullable<ResolvedApp['tcp']>, to: NonNullable<ResolvedApp['tcp']>): readonly string[] {
  const key = ({port, sni}: (typeof from)[number]) => `port ${port}${sni === undefined ? '' : ` (${sni})`}`;
  const [old, now] = [byKey(from, key), byKey(to, key)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((place) => {
    const [before, after] = [old.get(place), now.get(place)];
    if (isDeepStrictEqual(before, after)) return [];
    if (after === undefined) return [`${place} of the node is closed`];
    return [before?.service === after.service ? `${place} of the node changes` : `${place} of the node leads to ${after.service}${before === undefined ? '' : `, to ${before.service} before`}`];
  });
}

function volumesChange(from: ResolvedApp | undefined, to: ResolvedApp | undefined): readonly string[] {
  const namesOf = (app: ResolvedApp | undefined) => new Set((app?.services ?? []).flatMap(({container}) => container.volumes ?? []).map(({name}) => name));
  const [old, now] = [namesOf(from), namesOf(to)];
  return [
    ...[...now].filter((name) => !old.has(name)).map((name) => `volume ${name} is new`),
    ...[...old].filter((name) => !now.has(name)).map((name) => `volume ${name} is used by nothing any more: what is in it stays`),
  ];
}

function cronsChange(from: NonNullable<ResolvedApp['crons']>, to: NonNullable<ResolvedApp['crons']>): readonly string[] {
  const withoutContainer = ({container: _, ...rest}: (typeof from)[number]) => rest;
  const [old, now] = [byKey(from, ({name}) => name), byKey(to, ({name}) => name)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) => {
    const [before, after] = [old.get(name), now.get(name)];
    if (before === undefined) return [`cron ${name} is new`];
    if (after === undefined) return [`cron ${name} goes`];
    return isDeepStrictEqual(withoutContainer(before), withoutContainer(after)) ? [] : [`cron ${name} changes`];
  });
}

function byKey<Value>(values: readonly Value[], key: (value: Value) => string): ReadonlyMap<string, Value> {
  return new Map(values.map((value) => [key(value), value]));
}
