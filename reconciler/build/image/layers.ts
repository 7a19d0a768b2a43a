import type Docker from 'dockerode';
import type {BuildContainer, Command} from '../../adapters/build-container.ts';
import {withDeadline} from '../../adapters/docker-build.ts';
import {quote} from '../shell.ts';
import type {Layer} from './archive.ts';

/**
 * Folders of an app that change seldom, bottom layer first: runtimes, then packages. Each that is there becomes a layer of
 * its own, so that a changed line ships a few kilobytes and apps share what is alike.
 */
const SEPARATE_FOLDERS = ['.flynn', '.heroku', 'vendor', '.yarn', 'node_modules'];
/** Images that are looked at for layers that the engine holds; more only cost time. */
const IMAGES_MAX = 100;

export interface AppFiles {
  /** Seconds since 1970. */
  readonly sourceTimeSeconds: number;
  /** Absolute paths outside of the app, without line breaks: a layer each, at the same path in the image. Bottom first. */
  readonly folders: readonly string[];
}

/**
 * Describes the given folders, and above them the files of /tmp/build, which are below /app in the image, as layers. All folders get the time 0,
 * the rest of the app the time of the source: web servers make ETag and Last-Modified of it, so a changed file must not keep its time.
 */
export async function appLayers(container: BuildContainer, {sourceTimeSeconds, folders}: AppFiles, signal: AbortSignal): Promise<readonly Layer[]> {
  const outside = folders.map(folder => `measure ${tar(['--directory=/', folder.replace(/^\/+/, '')], 0)}`);
  const script = SEPARATE_FOLDERS.map(folder => `if [ -d ${folder} ] && [ ! -L ${folder} ]; then measure ${tar([`./${folder}`], 0)}; fi`);
  const rest = tar([...SEPARATE_FOLDERS.map(folder => `--exclude=./${folder}`), '.'], sourceTimeSeconds);
  const measured = await text(container, bash([MEASURE, ...outside, ...script, `measure ${rest}`].join('\n')), signal);
  return measured
    .trim()
    .split('\n')
    .map(line => {
      const [, digest, sizeBytes, command] = /^([0-9a-f]{64})\s+-\s+(\d+)\s(.*)$/.exec(line) ?? [];
      if (digest === undefined || command === undefined) throw new Error(`bug: measuring a layer printed "${line}"`);
      return {digest: `sha256:${digest}`, sizeBytes: Number(sizeBytes), content: () => container.read(bash(command), signal)};
    });
}

/** Seconds since 1970 of the newest file (folders got theirs when they were unpacked): `git archive` gives all the time of the commit. */
export async function sourceTime(container: BuildContainer, signal: AbortSignal): Promise<number> {
  const newest = await text(container, bash(`find . ! -type d -printf '%T@\\n' | sort -n | tail -n 1`), signal);
  return Math.max(0, Math.floor(Number(newest) || 0));
}

/** Whether an image of this instance has exactly these layers at its bottom: then the engine needs no copy of them. */
export async function heldLayers(docker: Docker, label: string, signal: AbortSignal): Promise<(layers: readonly string[]) => boolean> {
  const images = await docker.listImages({filters: {label: [label]}, abortSignal: withDeadline(signal)} as Docker.ListImagesOptions);
  const newest = images.sort((one, other) => other.Created - one.Created).slice(0, IMAGES_MAX);
  const held = new Set<string>();
  for (const {Id} of newest) {
    // Gone since the question: then it holds nothing.
    const image = await docker.getImage(Id).inspect({abortSignal: withDeadline(signal)} as object).catch(() => undefined);
    const layers = image?.RootFS.Layers ?? [];
    for (let count = 1; count <= layers.length; count++) held.add(layers.slice(0, count).join());
  }
  return layers => held.has(layers.join());
}

/** Prints the digest and size of a tar and the command that makes it, without keeping it. */
const MEASURE = `measure() {
  local digest size=$(mktemp)
  digest=$({ "$@" | tee /dev/fd/3 | wc -c >"$size"; } 3>&1 | sha256sum) || exit 1
  echo "$digest $(cat "$size") $(printf '%q ' "$@")"
}
set -o pipefail`;

/** The same files give the same bytes: sorted, without times, owners' names and rights of groups. A name's first dot becomes the app's folder. */
function tar(what: readonly string[], timeSeconds: number): string {
  return ['tar', '--create', '--format=gnu', '--sort=name', `--mtime=@${timeSeconds}`, '--owner=1000', '--group=1000', '--numeric-owner', '--mode=go-w', "--transform='flags=rSh;s,^\\.,app,'", ...what.map(quote)].join(' ');
}

function bash(script: string): Command {
  return {words: ['bash', '-c', script], folder: '/tmp/build', env: {LC_ALL: 'C.UTF-8'}};
}

async function text(container: BuildContainer, command: Command, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.read(command, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
