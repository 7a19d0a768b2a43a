import {proxyArguments} from '../../buildpacks/stack/host.ts';
import type {BuildContainer} from '../adapters/build-container.ts';

/** Whose pre-built binaries fit the stack's C library: buildpacks take theirs by this name. */
const STACK = 'heroku-24';

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
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.read({words: ['bash', '-c', text], folder: BUILD_FOLDER}, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** One word of bash, whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
