import {stat} from 'node:fs/promises';
import os from 'node:os';
import {execa} from 'execa';

/** Asking npm takes part of a second; a hanging one must not hang a build, milliseconds. */
const NPM_MS = 15_000;
const REMEMBERED_MS = 10 * 60_000;
/** For an npm in a build: its own 300 s and two retries would hang a push for minutes when a registry is out of reach. */
const BUILD_SETTINGS = ['audit=false', 'fund=false', 'update-notifier=false', 'progress=false', 'fetch-timeout=30000', 'fetch-retries=2', 'fetch-retry-mintimeout=1000', 'fetch-retry-maxtimeout=10000'];

/** What npm says of this machine, and the files that it says it from. */
export interface NpmAnswer {
  readonly npmrc: string;
  readonly files: readonly string[];
}

/**
 * Makes a function that answers with the contents of the npmrc that builds get: this machine's registries, without any token or
 * password. An app's own .npmrc goes before it. Tokens reach npm as config vars, with `${NPM_TOKEN}` in the app's .npmrc, as on Heroku.
 *
 * Npm is asked again when one of its files has changed, and otherwise only after a while: it takes 0.3 s of a core.
 */
export function rememberedNpmrc(ask: (signal: AbortSignal) => Promise<NpmAnswer | undefined> = askNpm): (signal: AbortSignal) => Promise<string> {
  let known: (NpmAnswer & {readonly state: string; readonly at: number}) | undefined;
  return async signal => {
    if (known && performance.now() - known.at < REMEMBERED_MS && (await stateOf(known.files)) === known.state) return known.npmrc;
    const answer = await ask(signal);
    known = answer && {...answer, state: await stateOf(answer.files), at: performance.now()};
    // No npm, or a broken one: the next build may find it.
    return answer?.npmrc ?? npmrcFrom({});
  };
}

async function askNpm(signal: AbortSignal): Promise<NpmAnswer | undefined> {
  const {stdout, failed} = await execa('npm', ['config', 'list', '--json'], {cwd: os.tmpdir(), cancelSignal: signal, timeout: NPM_MS, reject: false});
  signal.throwIfAborted();
  if (failed) return undefined;
  const config = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  return {npmrc: npmrcFrom(config), files: [config.userconfig, config.globalconfig].filter(file => typeof file === 'string')};
}

async function stateOf(files: readonly string[]): Promise<string> {
  const states = await Promise.all(files.map(async file => stat(file).then(({mtimeMs, size, ino}) => `${ino} ${size} ${mtimeMs}`, () => 'absent')));
  return states.join('\n');
}

/** Exported for its test. */
export function npmrcFrom(config: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(config).flatMap(([name, value]) => {
    const isRegistry = name === 'registry' || /^@[^:]+:registry$/.test(name);
    return isRegistry && typeof value === 'string' && URL.canParse(value) ? [`${name}=${withoutCredentials(value)}`] : [];
  });
  return `${[...lines, ...BUILD_SETTINGS].join('\n')}\n`;
}

function withoutCredentials(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href;
}
