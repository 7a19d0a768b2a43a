import path from 'node:path';
import {DATA_DEFAULT, type ClusterSource} from '../../reconciler/settings.ts';
import {NAME_PATTERN} from '../../schemas/names.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';

/** What `flynn up` was told. What is undefined was not said: the stored setting, or the default, holds. */
export interface UpOptions {
  readonly data: string;
  readonly isDetached: boolean;
  readonly withSample: boolean;
  readonly withSystemd: boolean;
  readonly printUnit: boolean;
  /** Who is to be the first admin. */
  readonly admin?: string;
  readonly flags: SettingFlags;
}

export interface SettingFlags {
  readonly domain?: string;
  readonly listen?: string;
  readonly httpPort?: number;
  readonly httpsPort?: number;
  readonly apiPort?: number;
  readonly dnsPort?: number;
  /** 0: no git over SSH. */
  readonly sshPort?: number;
  readonly cluster?: ClusterSource;
}

const POLL_SECONDS_DEFAULT = 30;
const POLL_SECONDS_MAX = 3600;

/** Throws `UsageError` for anything that is not understood. */
export function parseUp(args: readonly string[], cwd: string): UpOptions {
  const values = parsed(args);
  return {
    data: dataFolder(values.data, cwd),
    isDetached: values.detach === true,
    withSample: values.sample === true,
    withSystemd: values.systemd === true,
    printUnit: values['print-unit'] === true,
    ...(values.admin !== undefined && {admin: adminFlag(values.admin)}),
    flags: settingFlags(values, cwd),
  };
}

/** Absolute. Throws `UsageError` for a folder so near to the root that removing it would remove the machine. */
export function dataFolder(flag: string | undefined, cwd: string): string {
  const data = path.resolve(cwd, flag ?? DATA_DEFAULT);
  if (data.split('/').filter(Boolean).length < 2) throw new UsageError(`--data '${data}' has to be a folder of its own, such as ${DATA_DEFAULT}`);
  return data;
}

function parsed(args: readonly string[]) {
  return parseFlags(args, {
    detach: {type: 'boolean', short: 'd'},
    sample: {type: 'boolean'},
    systemd: {type: 'boolean'},
    'print-unit': {type: 'boolean'},
    // Nothing is asked yet; scripts may say it all the same.
    yes: {type: 'boolean', short: 'y'},
    data: {type: 'string'},
    domain: {type: 'string'},
    listen: {type: 'string'},
    'http-port': {type: 'string'},
    'https-port': {type: 'string'},
    'api-port': {type: 'string'},
    'dns-port': {type: 'string'},
    'ssh-port': {type: 'string'},
    admin: {type: 'string'},
    'cluster-repo': {type: 'string'},
    'token-file': {type: 'string'},
    'key-file': {type: 'string'},
    poll: {type: 'string'},
    watch: {type: 'string'},
  }).values;
}

type Values = ReturnType<typeof parsed>;

function settingFlags(values: Values, cwd: string): SettingFlags {
  const cluster = clusterFlag(values, cwd);
  return {
    ...(values.domain === undefined ? {} : {domain: domainFlag(values.domain)}),
    ...(values.listen === undefined ? {} : {listen: listenFlag(values.listen)}),
    ...portFlag(values, 'http-port', 'httpPort'),
    ...portFlag(values, 'https-port', 'httpsPort'),
    ...portFlag(values, 'api-port', 'apiPort'),
    ...portFlag(values, 'dns-port', 'dnsPort'),
    ...sshPortFlag(values['ssh-port']),
    ...(cluster === undefined ? {} : {cluster}),
  };
}

function portFlag<Name extends string>(values: Values, flag: 'http-port' | 'https-port' | 'api-port' | 'dns-port', name: Name): {readonly [N in Name]?: number} {
  const text = values[flag];
  if (text === undefined) return {};
  // The cast is true: a computed key of a generic name is typed as any string.
  return {[name]: integer(`--${flag}`, text, {min: 1, max: 65_535})} as {readonly [N in Name]: number};
}

function adminFlag(user: string): string {
  if (!new RegExp(NAME_PATTERN).test(user)) throw new UsageError(`--admin '${user}' has to be small letters, digits and inner dashes, at most 30 characters`);
  if (user === 'operator') throw new UsageError('nobody can be called "operator": that is who is on the machine itself');
  return user;
}

function sshPortFlag(text: string | undefined): Pick<SettingFlags, 'sshPort'> {
  if (text === undefined) return {};
  return {sshPort: text === 'none' ? 0 : integer('--ssh-port', text, {min: 0, max: 65_535})};
}

function clusterFlag(values: Values, cwd: string): ClusterSource | undefined {
  const {'cluster-repo': url, watch, poll, 'token-file': tokenFile, 'key-file': keyFile} = values;
  if (url !== undefined && watch !== undefined) throw new UsageError('--cluster-repo and --watch exclude each other');
  if (url === undefined && (poll ?? tokenFile ?? keyFile) !== undefined) throw new UsageError('--poll, --token-file and --key-file need --cluster-repo');
  if (watch !== undefined) return {kind: 'folder', folder: path.resolve(cwd, watch)};
  if (url === undefined) return undefined;
  // The way back from a remote repository to a repository of our own.
  if (url === 'own') return {kind: 'own'};
  if (/^[a-z+]+:\/\/[^/@]*:[^/@]*@/.test(url)) throw new UsageError('--cluster-repo must not hold a password: put it into a file and name it with --token-file');
  return {
    kind: 'remote',
    url: isRemote(url) ? url : path.resolve(cwd, url),
    ...(tokenFile === undefined ? {} : {tokenFile: path.resolve(cwd, tokenFile)}),
    ...(keyFile === undefined ? {} : {keyFile: path.resolve(cwd, keyFile)}),
    pollSeconds: poll === undefined ? POLL_SECONDS_DEFAULT : integer('--poll', poll, {min: 1, max: POLL_SECONDS_MAX}),
  };
}

/** `https://…`, `ssh://…`, `git@host:path`; everything else is a path. */
function isRemote(url: string): boolean {
  return /^[a-z+]+:\/\//.test(url) || /^[^/.][^/]*:/.test(url);
}

/** Throws `UsageError` for what is no DNS name. */
export function domainFlag(domain: string): string {
  const lower = domain.toLowerCase().replace(/\.$/, '');
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  if (!new RegExp(`^${label}(\\.${label})*$`).test(lower) || lower.length > 200 || /(^|\.)[0-9]+$/.test(lower)) {
    throw new UsageError(`--domain '${domain}' has to be a DNS name such as apps.example.com`);
  }
  return lower;
}

function listenFlag(address: string): string {
  if (!/^(\d{1,3}\.){3}\d{1,3}$/.test(address) || address.split('.').some((part) => Number(part) > 255)) {
    throw new UsageError(`--listen '${address}' has to be an IPv4 address of this machine, such as 127.0.0.1 or 0.0.0.0`);
  }
  return address;
}

function integer(flag: string, text: string, {min, max}: {readonly min: number; readonly max: number}): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new UsageError(`${flag} '${text}' has to be a whole number from ${min} to ${max}`);
  return value;
}
