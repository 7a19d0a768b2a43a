import {proxyArguments} from '../../buildpacks/stack/host.ts';
import type {BuildContainer, Command} from '../adapters/build-container.ts';

/** Whose pre-built binaries fit the stack's C library: buildpacks take theirs by this name. */
const STACK = 'heroku-24';

/** Tries to get a command of ours into a container that is full. */
const TRIES_MAX = 20;

/** Where things are in a container that builds. */
export const BUILD_FOLDER = '/tmp/build';
export const CACHE_FOLDER = '/tmp/cache';
export const ENV_FOLDER = '/tmp/env';
export const BUILDPACKS_FOLDER = '/tmp/buildpacks';

/** What every script of a buildpack finds in its environment (devcenter.heroku.com/articles/buildpack-api), and no variable of the app: these come as files. */
export function buildEnvironment(sourceCommit: string): Record<string, string> {
  return {
    HOME: '/app',
    STACK,
    CURL_CONNECT_TIMEOUT: '30',
    CURL_TIMEOUT: '600',
    NPM_CONFIG_GLOBALCONFIG: '/tmp/npmrc',
    SOURCE_VERSION: sourceCommit,
    REQUEST_ID: sourceCommit,
    ...proxyArguments(process.env),
  };
}

/** Runs bash in the folder of the app. Gives its stdout; throws when it fails. */
export async function runScript(container: BuildContainer, text: string, signal: AbortSignal): Promise<string> {
  return output(container, {words: ['bash', '-c', text], folder: BUILD_FOLDER}, signal);
}

/** As `runScript`, in no folder of the app, when all that scripts left running has been ended: it may change nothing, and take no place from us. */
export async function runAlone(container: BuildContainer, text: string, signal: AbortSignal): Promise<string> {
  for (let left = TRIES_MAX; ; left -= 1) {
    try {
      return await output(container, {words: ['bash', '-c', `kill -KILL -1 2>/dev/null; ${text}`], folder: '/'}, signal);
    } catch (error) {
      // What forks without end may have had the last place for the moment.
      if (left === 1 || signal.aborted) throw error;
    }
  }
}

/** One word of bash, whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

async function output(container: BuildContainer, command: Command, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.read(command, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
