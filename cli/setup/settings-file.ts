import {mkdir, readFile, rename, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {parse, stringify} from 'yaml';
import {
  API_PORT_DEFAULT, DNS_PORT_DEFAULT, DOMAIN_DEFAULT, HTTP_PORT_DEFAULT, HTTPS_PORT_DEFAULT, SSH_PORT_DEFAULT, type ClusterSource, type NodeSettings,
} from '../../reconciler/settings.ts';
import {Failure} from '../command.ts';
import type {SettingFlags} from './options.ts';

/** What is kept from one `flynn up` to the next. */
type StoredSettings = Omit<NodeSettings, 'data'>;

/** Says whose the file is. */
const HEADER = '# What `flynn up` was told. Its flags change it.';

/** Undefined when there was no `flynn up` with this data directory yet, or only the header is left. Throws `Failure` when the file makes no sense. */
export async function readSettings(file: string): Promise<StoredSettings | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Failure(`'${file}' can't be read: ${error.message}`, {cause: error});
  });
  return text === undefined || text.trim() === HEADER ? undefined : parseSettings(file, text);
}

/** Whether `flynn up` wrote it, even if somebody's edit has broken it since. Others have files of this name too. */
export async function isSettingsFile(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text.startsWith(HEADER)) return true;
  try {
    parseSettings(file, text);
    return true;
  } catch {
    return false;
  }
}

export async function writeSettings(file: string, {data: _data, ...stored}: NodeSettings): Promise<void> {
  await mkdir(path.dirname(file), {recursive: true});
  const next = `${file}.${process.pid}`;
  await writeFile(next, `${HEADER}\n${stringify(stored)}`, {mode: 0o644});
  await rename(next, file);
}

/** Flags win over what is stored, which wins over the defaults. */
export function mergeSettings({data, hostname, stored, flags}: {
  readonly data: string;
  readonly hostname: string;
  readonly stored: StoredSettings | undefined;
  readonly flags: SettingFlags;
}): NodeSettings {
  const domain = flags.domain ?? stored?.domain ?? DOMAIN_DEFAULT;
  // A listen address that only followed from the old domain follows from the new one.
  const wasChosen = stored !== undefined && stored.listen !== defaultListen(stored.domain);
  return {
    data,
    node: stored?.node ?? nodeName(hostname),
    domain,
    listen: flags.listen ?? (wasChosen ? stored.listen : defaultListen(domain)),
    httpPort: flags.httpPort ?? stored?.httpPort ?? HTTP_PORT_DEFAULT,
    httpsPort: flags.httpsPort ?? stored?.httpsPort ?? HTTPS_PORT_DEFAULT,
    apiPort: flags.apiPort ?? stored?.apiPort ?? API_PORT_DEFAULT,
    dnsPort: flags.dnsPort ?? stored?.dnsPort ?? DNS_PORT_DEFAULT,
    sshPort: flags.sshPort ?? stored?.sshPort ?? SSH_PORT_DEFAULT,
    cluster: flags.cluster ?? stored?.cluster ?? {kind: 'own'},
  };
}

/** `httpPort: 80 is 8080 now`, one line a difference; none when they are the same. */
export function differences(before: StoredSettings, after: NodeSettings): readonly string[] {
  const keys = ['node', 'domain', 'listen', 'httpPort', 'httpsPort', 'apiPort', 'dnsPort', 'sshPort', 'cluster'] as const;
  return keys
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => `${key}: ${JSON.stringify(before[key])} would become ${JSON.stringify(after[key])}`);
}

/** Loopback for names that only this machine (or its own network) can mean, every address for a public one. */
export function defaultListen(domain: string): string {
  const isPrivate = !domain.includes('.') || /\.(localhost|test|local|internal|example|invalid)$/.test(domain);
  return isPrivate ? '127.0.0.1' : '0.0.0.0';
}

/** A DNS label made of the host's name. */
export function nodeName(hostname: string): string {
  const label = (hostname.split('.')[0] ?? '').toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+/, '').slice(0, 40).replace(/-+$/, '');
  return /^[a-z]/.test(label) ? label : `node${label === '' ? '' : `-${label}`}`;
}

export function parseSettings(file: string, text: string): StoredSettings {
  const broken = (what: string) => new Failure(`'${file}': ${what}`, {advice: ['correct it, or leave only its first line and give `flynn up` its flags again']});
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw broken(error instanceof Error ? error.message : String(error));
  }
  if (!isRecord(document)) throw broken('has to be a mapping');
  const textOf = (key: string): string => {
    const value = document[key];
    if (typeof value !== 'string' || value === '') throw broken(`"${key}" has to be a text, is ${JSON.stringify(value)}`);
    return value;
  };
  const portOf = (key: string): number => {
    const value = document[key];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) throw broken(`"${key}" has to be a port, is ${JSON.stringify(value)}`);
    return value;
  };
  return {
    node: textOf('node'), domain: textOf('domain'), listen: textOf('listen'),
    httpPort: portOf('httpPort'), httpsPort: portOf('httpsPort'), apiPort: portOf('apiPort'), dnsPort: portOf('dnsPort'),
    // A node that is older than git over SSH has no word of it.
    sshPort: document.sshPort === 0 ? 0 : document.sshPort === undefined ? SSH_PORT_DEFAULT : portOf('sshPort'),
    cluster: clusterSource(document.cluster, broken),
  };
}

function clusterSource(value: unknown, broken: (what: string) => Failure): ClusterSource {
  if (isRecord(value)) {
    const {kind, url, folder, tokenFile, keyFile, pollSeconds} = value;
    if (kind === 'own') return {kind};
    if (kind === 'folder' && typeof folder === 'string') return {kind, folder};
    if (kind === 'remote' && typeof url === 'string' && typeof pollSeconds === 'number') {
      return {
        kind, url, pollSeconds,
        ...(typeof tokenFile === 'string' ? {tokenFile} : {}),
        ...(typeof keyFile === 'string' ? {keyFile} : {}),
      };
    }
  }
  throw broken(`"cluster" makes no sense: ${JSON.stringify(value)}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
