import {createHash} from 'node:crypto';
import {isIPv4} from 'node:net';
import type {NameTable, Target} from '../observed/state.ts';
import {addressOf, GENERATION_NAME, hostName, hostOf, isHost, isHostOrWildcard, isStreamName, isWildcard, NOWHERE_NAME, OUR_ZONE, targetName} from './names.ts';

/** Nobody in between remembers answers, Caddy's `refresh` decides; but 0 is refused by some resolvers. */
const TTL_SECONDS = 1;
/** Any: it is never connected to. */
const NOWHERE_PORT = 1;
const NAME = /^_(?:http|svc|stream)\._tcp\.(.+)$/;

/** What to send to a running unbound, in this order, so that it answers the wanted table in the end and never less than both tables agree on. */
export interface RecordChange {
  readonly zonesToAdd: readonly string[];
  readonly recordsToAdd: readonly string[];
  /** Names that lose a target. unbound only removes whole names, so their records come back a moment later: Caddy holds requests meanwhile. */
  readonly namesToReplace: readonly string[];
  readonly replacements: readonly string[];
  readonly zonesToRemove: readonly string[];
}

/**
 * The table that a list of resource records amounts to: what a client that looks them up would find. A target whose
 * address record is missing or changed is not in it; names that are not ours are left out.
 */
export function tableOf(records: readonly string[]): NameTable {
  return resolvable(readRecords(records));
}

/** Names that no DNS server could answer are left out: they must not cost the others theirs. */
export function answerable(names: NameTable): NameTable {
  return sorted(new Map([...names].filter(([name]) => {
    const host = hostOf(name);
    return host === undefined ? isHost(NAME.exec(name)?.[1] ?? '') : isHostOrWildcard(host);
  })));
}

/**
 * What has to be answered beside the names, so that a host that nobody has leads to where that is said: all others where nobody has `*`, and the host that
 * a wildcard is called after, which it is not for.
 */
export function complete(names: NameTable, unknown: Target): NameTable {
  const guarded = [...names.keys()].flatMap((name) => {
    const host = hostOf(name);
    return host !== undefined && isWildcard(host) && host !== '*' ? [hostName(host.slice(2))] : [];
  });
  return sorted(new Map([...[hostName('*'), ...guarded].map((name) => [name, [unknown]] as const), ...names]));
}

/** The names of a table that `complete` made. */
export function published(table: NameTable, unknown: Target): NameTable {
  return sorted(new Map([...table].filter(([, targets]) => targets.length !== 1 || targets[0]?.address !== unknown.address)));
}

/** The same of a table that is answered. What it lacks of what `complete` makes is there without targets: it is no table of ours, and has to be put right. */
export function answered(table: NameTable, unknown: Target): NameTable {
  const names = published(table, unknown);
  const missing = [...complete(names, unknown)].filter(([name, targets]) => keysOf(targets) !== keysOf(table.get(name) ?? [])).map(([name]) => name);
  return missing.length === 0 ? names : sorted(new Map([...names, ...missing.map((name) => [name, []] as const)]));
}

function keysOf(targets: readonly Target[]): string {
  return targets.map(keyOf).join();
}

export function generationOf(names: NameTable): string {
  return createHash('sha256').update(JSON.stringify([...sorted(names)])).digest('hex').slice(0, 16);
}

/**
 * The file that unbound starts from. Each name is a zone of its own, because the zone around them all answers
 * everything else. A wildcard is a zone that answers for all names below it, but those that are zones again.
 */
export function renderRecordsFile(names: NameTable): string {
  const addresses = addressRecords(names);
  const zones = [...addresses.keys(), ...names.keys()].map((name) => `  local-zone: "${ownerOf(name)}" ${zoneTypeOf(name)}`);
  const records = [...addresses.values(), ...[...names].flatMap(nameRecords), generationRecord(names)];
  return ['server:', ...zones, ...records.map((record) => `  local-data: '${record}'`), ''].join('\n');
}

/** The records in a file of `renderRecordsFile`, also of one that an earlier version wrote. */
export function recordsIn(file: string): readonly string[] {
  return [...file.matchAll(/^ *local-data: '(.*)'$/gm)].map(([, record = '']) => record);
}

/** `have` is what unbound lists. */
export function recordChange(have: readonly string[], wanted: NameTable): RecordChange {
  const read = readRecords(have);
  const {addresses: addressesNow} = read;
  const now = resolvable(read);
  const addresses = addressRecords(wanted);

  const added = [...wanted].filter(([name]) => !now.has(name));
  const gone = [...now.keys()].filter((name) => !wanted.has(name));
  const grown: [string, readonly Target[]][] = [];
  const replaced: [string, readonly Target[]][] = [];
  for (const [name, targets] of wanted) {
    const before = now.get(name);
    // Nearly all of them, nearly always.
    if (before === undefined || isSame(before, targets)) continue;
    const [had, wants] = [countsOf(before), countsOf(targets)];
    const more = targets.filter((target) => !had.has(keyOf(target)));
    const isOtherwise = [...had].some(([key, count]) => wants.get(key) !== count);
    if (isOtherwise || (had.size === 0 && more.length > 0)) replaced.push([name, targets]);
    else if (more.length > 0) grown.push([name, more]);
  }

  const newAddresses = [...addresses].filter(([name]) => !addressesNow.has(name));
  const wrongAddresses = [...addresses].filter(([name]) => addressesNow.has(name) && !isRight(read, addressOf(name) ?? ''));
  const oldAddresses = [...addressesNow.keys()].filter((name) => !addresses.has(name));
  return {
    zonesToAdd: [...newAddresses, ...added].map(([name]) => `${ownerOf(name)} ${zoneTypeOf(name)}`),
    recordsToAdd: [...newAddresses.map(([, record]) => record), ...[...added, ...grown].flatMap(nameRecords)],
    namesToReplace: [...wrongAddresses, ...replaced].map(([name]) => ownerOf(name)),
    replacements: [...wrongAddresses.map(([, record]) => record), ...replaced.flatMap(nameRecords)],
    zonesToRemove: [...gone, ...oldAddresses].map(ownerOf),
  };
}

interface ReadRecords {
  /** By SRV name, as the records say, resolvable or not. */
  readonly targets: ReadonlyMap<string, readonly Target[]>;
  /** What each of our address names answers, by that name. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
}

function readRecords(records: readonly string[]): ReadRecords {
  const targets = new Map<string, Target[]>();
  const addresses = new Map<string, string[]>();
  for (const record of records) {
    const [name = '', , , type, ...fields] = record.trim().split(/\s+/);
    const key = withoutDot(name);
    if (!key.startsWith('_') && addressOf(key) !== undefined) appendTo(addresses, key, type === 'A' ? fields[0] : undefined);
    const named = NAME.test(key) || type === 'SRV' ? nameAt(key) : undefined;
    if (named !== undefined) appendTo(targets, named, type === 'SRV' ? targetOf(fields) : undefined);
  }
  return {targets, addresses};
}

/** Where the records of a name are: those of a wildcard at the top of what it is for. */
function ownerOf(name: string): string {
  const host = hostOf(name);
  if (host === undefined || !isWildcard(host)) return `${name}.`;
  return host === '*' ? '.' : `${host.slice(2)}.`;
}

function zoneTypeOf(name: string): 'static' | 'redirect' {
  return isWildcard(hostOf(name) ?? '') ? 'redirect' : 'static';
}

/** The name whose records are here; undefined where only others' are. */
function nameAt(owner: string): string | undefined {
  if (NAME.test(owner)) return owner;
  if (owner === '') return hostName('*');
  return isHost(owner) && owner !== OUR_ZONE ? hostName(`*.${owner}`) : undefined;
}

function resolvable(read: ReadRecords): NameTable {
  const known = new Map<string, boolean>();
  const isResolved = (address: string): boolean => {
    const isThere = known.get(address) ?? (!isIPv4(address) || isRight(read, address));
    known.set(address, isThere);
    return isThere;
  };
  return sorted(new Map([...read.targets].map(([name, targets]) => [name, targets.filter(({address}) => isResolved(address))])));
}

/** Whether the name of this address answers the address and nothing else. */
function isRight({addresses}: ReadRecords, address: string): boolean {
  const answers = addresses.get(targetName(address));
  return answers?.length === 1 && answers[0] === address;
}

function appendTo<Value>(lists: Map<string, Value[]>, key: string, value: Value | undefined): void {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  if (value !== undefined) list.push(value);
}

export function generationRecord(names: NameTable): string {
  return `${GENERATION_NAME}. ${TTL_SECONDS} IN TXT "${generationOf(names)}"`;
}

/** `address:port`, as it is written everywhere. */
export function keyOf({address, port}: Target): string {
  return `${address}:${port}`;
}

function nameRecords([name, targets]: readonly [string, readonly Target[]]): readonly string[] {
  // An answer, and not the lack of one: Caddy remembers only answers, and looks names up one after the other.
  const owner = ownerOf(name);
  if (targets.length === 0) return [`${owner} ${TTL_SECONDS} IN SRV 0 0 ${NOWHERE_PORT} ${NOWHERE_NAME}.`];
  // A target that is there several times needs records that differ. Their weight says nothing to Caddy, which picks among all of them.
  let copy = 0;
  return targets.map((target, index) => {
    const before = targets[index - 1];
    copy = before !== undefined && isSameTarget(before, target) ? copy + 1 : 0;
    // To HAProxy a weight of 0 says that no connection is wanted.
    return `${owner} ${TTL_SECONDS} IN SRV 0 ${isStreamName(name) ? copy + 1 : copy} ${target.port} ${targetName(target.address)}.`;
  });
}

function isSameTarget(a: Target, b: Target): boolean {
  return a.address === b.address && a.port === b.port;
}

/** Of lists in the same order. */
function isSame(a: readonly Target[], b: readonly Target[]): boolean {
  return a.length === b.length && a.every((target, index) => isSameTarget(target, b[index] ?? target));
}

/** How often each target is there. */
function countsOf(targets: readonly Target[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const target of targets) counts.set(keyOf(target), (counts.get(keyOf(target)) ?? 0) + 1);
  return counts;
}

function addressRecords(names: NameTable): ReadonlyMap<string, string> {
  const addresses = [...new Set([...names.values()].flat().map(({address}) => address))].toSorted();
  return new Map(addresses.map((address) => [targetName(address), `${targetName(address)}. ${TTL_SECONDS} IN A ${address}`]));
}

/** A target that is not one of our names was put there by hand: it is told as it is, and so differs from every wanted one. */
function targetOf([, , port, name = '']: readonly string[]): Target | undefined {
  if (withoutDot(name) === NOWHERE_NAME) return undefined;
  return {address: addressOf(name) ?? name, port: Number(port)};
}

function sorted(names: NameTable): NameTable {
  const rows = [...names].map(([name, targets]) => [name, targets.toSorted(byAddress)] as const);
  return new Map(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The order that names are compared in, wherever they are. */
function byAddress(a: Target, b: Target): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}

function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
