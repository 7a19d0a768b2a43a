import {readFile, writeFile} from 'node:fs/promises';
import {Failure} from '../command.ts';
import {exec, isOnPath, mustExec} from './exec.ts';

/** What to install, and from which suite where it is not the machine's own. */
interface AptRequest {
  readonly packages: readonly string[];
  readonly suite?: string;
  readonly because: string;
}

/** Where a machine gets Debian from: the same mirror and key serve a newer suite too. */
interface DebianSource {
  readonly uri: string;
  readonly signedBy: string;
}

const INSTALL_TIMEOUT_MS = 10 * 60_000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const DEFAULT_SOURCE: DebianSource = {uri: 'http://deb.debian.org/debian/', signedBy: KEYRING};
const OPTIONS = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=2'] as const;
const SOURCE_FILE = '/etc/apt/sources.list.d/flynn-trixie.sources';
const PIN_FILE = '/etc/apt/preferences.d/flynn-trixie';

/** Installs packages without their recommendations and without asking anything. */
export async function aptInstall({packages, suite, because}: AptRequest, print: (line: string) => void, signal: AbortSignal): Promise<void> {
  const names = packages.map((name) => (suite === undefined ? name : `${name}/${suite}`));
  if (!(await isOnPath('apt-get', signal))) {
    throw new Failure(`${because}, and there is no apt-get to install ${packages.join(', ')} with`, {advice: [`install ${packages.join(', ')} yourself and run this again`]});
  }
  print(`installing ${names.join(', ')} with apt`);
  await mustExec(['apt-get', ...OPTIONS, 'install', '-y', '--no-install-recommends', ...names], {
    env: {...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l'},
    timeoutMs: INSTALL_TIMEOUT_MS,
    advice: [`run it yourself to see more, and then this again: apt-get install ${names.join(' ')}`],
  }, signal);
}

/** A mirror that does not answer is only a warning for apt, and its old lists stay in use. */
export async function aptUpdate(print: (line: string) => void, signal: AbortSignal): Promise<void> {
  print('fetching the package lists');
  await mustExec(['apt-get', ...OPTIONS, 'update'], {
    timeoutMs: INSTALL_TIMEOUT_MS,
    advice: ['is the mirror reachable? behind a proxy set Acquire::http::Proxy in /etc/apt/apt.conf.d/, then run this again'],
  }, signal);
}

/** The version that apt would install now, `26.1.5+dfsg1-9`; undefined when it knows none. */
export async function aptCandidate(name: string, signal: AbortSignal): Promise<string | undefined> {
  const {stdout} = await exec(['apt-cache', 'policy', name], {env: {...process.env, LC_ALL: 'C'}}, signal).catch(() => ({stdout: ''}));
  const candidate = /^ {2}Candidate: (\S+)$/m.exec(stdout)?.[1];
  return candidate === '(none)' ? undefined : candidate;
}

/**
 * Makes Debian 13's packages available on Debian 12, without offering them for anything else: priority 100 is below every
 * package of the machine's own release, also for upgrades (apt_preferences(5)). Returns what it wrote.
 */
export async function addTrixie(signal: AbortSignal): Promise<readonly string[]> {
  const {stdout} = await exec(['apt-get', 'indextargets', '--format', '$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(SIGNED_BY)', 'Identifier: Packages'], {}, signal);
  const source = debianSourceIn(stdout) ?? DEFAULT_SOURCE;
  await writeFile(SOURCE_FILE, trixieSource(source));
  await writeFile(PIN_FILE, TRIXIE_PIN);
  return [SOURCE_FILE, PIN_FILE];
}

/** Reads lines of `Debian|bookworm|http://…|/usr/share/keyrings/….gpg`, the last part is a path only where one is configured. */
export function debianSourceIn(indexTargets: string): DebianSource | undefined {
  for (const line of indexTargets.split('\n')) {
    const [origin, codename, uri = '', signedBy = ''] = line.split('|');
    // A file: or cdrom: source has one release only.
    if (origin !== 'Debian' || codename !== 'bookworm' || !/^(https?|mirror\+\w+|tor\+https?|ar\+https):/.test(uri)) continue;
    return {uri, signedBy: signedBy.startsWith('/') ? signedBy : KEYRING};
  }
  return undefined;
}

export function trixieSource({uri, signedBy}: DebianSource): string {
  return [
    '# Written by `flynn up`: Docker Engine comes from Debian 13, because Debian 12 has one that is too old.',
    'Types: deb', `URIs: ${uri}`, 'Suites: trixie', 'Components: main', `Signed-By: ${signedBy}`, '',
  ].join('\n');
}

const TRIXIE_PIN = `Explanation: written by \`flynn up\`: only what is asked for by name comes from Debian 13
Package: *
Pin: release n=trixie
Pin-Priority: 100
`;

/** `VERSION_CODENAME` of os-release(5), `bookworm`; undefined where there is none. */
export async function codename(): Promise<string | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^VERSION_CODENAME="?(\w+)"?$/m.exec(text)?.[1];
}
