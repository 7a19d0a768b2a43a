import {createHash} from 'node:crypto';
import {cp, mkdir, mkdtemp, readFile, rm, writeFile, chmod} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import {execa} from 'execa';
import {buildDockerfile, imageId, inspectImage, removeImage, tagImage, withDeadline} from '../../reconciler/adapters/docker-build.ts';
import {anySignal} from '../../reconciler/any-signal.ts';
import {LABEL_INSTANCE} from '../../reconciler/labels.ts';
import {BASE_DEFINITION, EPOCH_SECONDS, makeBase} from './base.ts';
import {flatten} from './flatten.ts';
import {hostCertificates, proxyArguments} from './host.ts';
import {LABEL_STACK} from './labels.ts';
import {buildRepeatably, forgetWhen} from './repeatable.ts';

/** Tags of the images that the platform itself is made of. */
export interface StackImages {
  /** Apps run on it. */
  readonly run: string;
  /** Apps are built in it. */
  readonly build: string;
  /** Caddy and unbound run in it. */
  readonly router: string;
}

export type StackImage = keyof StackImages;

/** Node and npm of the build image; apps get the version that they ask for. */
export const NODE_VERSION = '24.21.0';
export const NPM_VERSION = '11.21.2';

/** One image, milliseconds: a slow mirror, two slow cores. */
const IMAGE_MS = 15 * 60_000;
const KEPT_IMAGES = 2;
/** The run image before its layers became one. Somebody who was killed may have left it. */
const UNFLATTENED = 'unflattened';
const CERTIFICATES = 'ca-certificates.crt';
const here = import.meta.dirname;

/** The tags that belong to this version of the definition and this machine's certificates. Reads files only. */
export async function stackImages(): Promise<StackImages> {
  const run = await hash('run.Dockerfile', 'flatten.ts', 'launch', `=${BASE_DEFINITION}`);
  const build = await hash('build.Dockerfile', 'flatten.ts', 'launch', 'run.Dockerfile', `=${BASE_DEFINITION}`, `=${NODE_VERSION} ${NPM_VERSION}`, `=${await forgetWhen()}`);
  const router = await hash('router.Dockerfile', 'flatten.ts', 'launch', 'run.Dockerfile', `=${BASE_DEFINITION}`);
  return {run: `flynn/run:${run}`, build: `flynn/build:${build}`, router: `flynn/router:${router}`};
}

export interface MakeStackImages {
  readonly docker: Docker;
  /** One line of progress, without newline. */
  readonly print: (line: string) => void;
  /** All three unless given. `build` and `router` stand on `run`, which comes with them. */
  readonly which?: readonly StackImage[];
  /** Made anew from today's packages although they are there. The tags move to the new images. */
  readonly isRenewed?: boolean;
}

/**
 * Makes what is missing: at most a few minutes on two cores, and nothing when all is there. Safe to repeat and to abort at any time.
 * Each image also gets the tag `:latest`, for `FROM flynn/run` in Dockerfiles. Throws with words on what to do.
 */
export async function makeStackImages({docker, print, which = ['run', 'build', 'router'], isRenewed = false}: MakeStackImages, signal: AbortSignal): Promise<StackImages> {
  const images = await stackImages();
  const limit = anySignal([signal, AbortSignal.timeout(IMAGE_MS)]);
  const make = async (image: StackImage, base: () => Promise<string>) => {
    const tag = images[image];
    const before = await imageId(docker, tag, limit);
    if (isRenewed || before === undefined) {
      const from = await base();
      const startedAt = performance.now();
      print(`making ${tag}`);
      await makeLayer({docker, image, tag, from, print, isFromScratch: isRenewed}, limit);
      print(`made ${tag} in ${seconds(startedAt)}`);
      if (before !== undefined) await keepFormer(docker, {tag, before}, limit);
      await removeOld(docker, image, limit);
      if (image === 'run') for (const under of ['base', UNFLATTENED] as const) await removeOld(docker, under, limit);
    }
    const latest = `flynn/${image}:latest`;
    // The time of the last tag is what says when an image was made.
    if (await imageId(docker, latest, limit) !== await imageId(docker, tag, limit)) await tagImage(docker, tag, latest, limit);
    return tag;
  };
  const run = await make('run', () => makeBase({docker, print, isRenewed}, limit));
  // One after the other: both are bound by unpacking packages.
  for (const image of ['router', 'build'] as const) {
    if (which.includes(image)) await make(image, async () => run);
  }
  return images;
}

/** What lost its name to its successor gets one that says so, and the one before that goes: whatever has no name is not ours to judge. */
async function keepFormer(docker: Docker, {tag, before}: {tag: string; before: string}, signal: AbortSignal): Promise<void> {
  const name = `${tag}-former`;
  const older = await imageId(docker, name, signal);
  if (before === await imageId(docker, tag, signal)) return;
  await tagImage(docker, before, name, signal);
  if (older !== undefined && older !== before) await removeImage(docker, older, signal);
}

/** Of former definitions. One stays, for another cluster on this engine that is not up to date yet. Used ones stay anyway. */
async function removeOld(docker: Docker, image: StackImage | 'base' | typeof UNFLATTENED, signal: AbortSignal): Promise<void> {
  const made = await docker.listImages({filters: {label: [`${LABEL_STACK}=${image}`]}, abortSignal: withDeadline(signal)} as Docker.ListImagesOptions);
  // Images of apps, and of people, that stand on ours inherit the label.
  const isOurs = (tags: readonly string[]) => (image === UNFLATTENED ? tags.length === 0 : tags.length > 0 && tags.every(tag => tag.startsWith(`flynn/${image}:`)));
  const ours = made.filter(({Labels, RepoTags}) => !Labels?.[LABEL_INSTANCE] && isOurs((RepoTags ?? []).filter(tag => tag !== '<none>:<none>')));
  const aged = await Promise.all(ours.map(async ({Id}) => ({Id, ...await madeAt(docker, Id, signal)})));
  for (const {Id, tags} of aged.sort((one, other) => other.atMs - one.atMs).slice(KEPT_IMAGES)) {
    for (const name of tags.length > 0 ? tags : [Id]) await removeImage(docker, name, signal);
  }
}

/** When this engine got it, milliseconds since 1970: `created` says that of a reproducible image's packages. */
async function madeAt(docker: Docker, id: string, signal: AbortSignal): Promise<{atMs: number; tags: readonly string[]}> {
  const image = await inspectImage(docker, id, signal);
  const taggedMs = Date.parse((image as {Metadata?: {LastTagTime?: string}} | undefined)?.Metadata?.LastTagTime ?? '');
  return {atMs: taggedMs > 0 ? taggedMs : Date.parse(image?.Created ?? '') || 0, tags: image?.RepoTags ?? []};
}

interface Layer {
  readonly docker: Docker;
  readonly image: StackImage;
  readonly tag: string;
  readonly from: string;
  readonly print: (line: string) => void;
  readonly isFromScratch: boolean;
}

async function makeLayer({docker, image, tag, from, print, isFromScratch}: Layer, signal: AbortSignal): Promise<void> {
  const context = await mkdtemp(path.join(os.tmpdir(), 'flynn-stack-'));
  const lastLines: string[] = [];
  try {
    await writeContext(context, image, signal);
    const proxies = proxyArguments(process.env, await aptProxy(signal));
    // Nothing may be awaited between its start and its reader: execa drops what nobody reads.
    const tar = () => execa('tar', ['--create', '--owner=0', '--group=0', '--numeric-owner', '--directory', context, '.'], {
      buffer: {stdout: false},
      cancelSignal: signal,
      reject: false,
    }).stdout;
    const common = {
      arguments: {BASE: from, ...proxies},
      isFromScratch,
      onLine: (line: string) => {
        lastLines.push(line);
        if (lastLines.length > 15) lastLines.shift();
        if (/^Step .* (RUN|COPY|ADD) /.test(line)) print(`  ${line.slice(0, 100)}`);
      },
    };
    const onMachine = {network: 'host', memoryBytes: 0, cpus: 0} as const;
    switch (image) {
      case 'run': {
        // It gets its name when it is flat.
        const id = await buildDockerfile(docker, {...common, ...onMachine, context: tar(), arguments: {...common.arguments, SOURCE_DATE_EPOCH: String(EPOCH_SECONDS)}, labels: {[LABEL_STACK]: UNFLATTENED}}, signal);
        await flatten(docker, {from: id, tag, labels: {[LABEL_STACK]: image}}, signal);
        await removeImage(docker, id, signal);
        break;
      }
      case 'build': await buildRepeatably(docker, {...common, context: tar, tag, labels: {[LABEL_STACK]: image}}, signal); break;
      case 'router': await buildDockerfile(docker, {...common, ...onMachine, context: tar(), tag, labels: {[LABEL_STACK]: image}}, signal); break;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(`making the image ${tag} failed: ${(cause as Error).message}\n${lastLines.join('\n')}\nif the package mirror or the registry was out of reach, try again: what is done stays done`, {cause});
  } finally {
    await rm(context, {recursive: true, force: true});
  }
}

async function writeContext(context: string, image: StackImage, signal: AbortSignal): Promise<void> {
  await cp(path.join(here, `${image}.Dockerfile`), path.join(context, 'Dockerfile'));
  if (image === 'build') return writeFiles(context, signal);
  await writeFile(path.join(context, CERTIFICATES), await hostCertificates());
  await chmod(path.join(context, CERTIFICATES), 0o644);
  if (image === 'run') {
    await cp(path.join(here, 'launch'), path.join(context, 'launch'));
    await chmod(path.join(context, 'launch'), 0o755);
  }
}

/** What the build image has beside packages, as an archive that is the same whenever the files are. */
async function writeFiles(context: string, signal: AbortSignal): Promise<void> {
  const folder = path.join(context, 'files');
  const certificates = path.join(folder, 'etc', 'ssl', 'certs');
  await mkdir(certificates, {recursive: true});
  await writeFile(path.join(certificates, CERTIFICATES), await hostCertificates());
  await fetchNode(path.join(folder, 'flynn', 'node'), signal);
  const sameFor = ['--format=gnu', '--sort=name', `--mtime=@${EPOCH_SECONDS}`, '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX,u+w,go-w'];
  await execa('tar', ['--create', ...sameFor, '--file', path.join(context, 'files.tar'), '--directory', folder, 'etc', 'flynn'], {cancelSignal: signal});
  await rm(folder, {recursive: true, force: true});
}

/** Node and npm, both from the npm registry by the host's npm, so that the host's registry settings count. */
async function fetchNode(folder: string, signal: AbortSignal): Promise<void> {
  const packages = `${folder}-packages`;
  await mkdir(packages, {recursive: true});
  const node = `node-linux-${process.arch}`;
  const npm = await execa(
    'npm',
    ['install', '--prefix', packages, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--fetch-timeout=60000', `${node}@${NODE_VERSION}`, `npm@${NPM_VERSION}`],
    {cwd: packages, cancelSignal: signal, reject: false, all: true},
  );
  if (npm.failed) throw new Error(`npm could not fetch ${node}@${NODE_VERSION} and npm@${NPM_VERSION}; check the registry and proxy settings of npm on this machine:\n${npm.all ?? npm.message}`);
  const modules = path.join(packages, 'node_modules');
  await mkdir(path.join(folder, 'bin'), {recursive: true});
  await mkdir(path.join(folder, 'lib', 'node_modules'), {recursive: true});
  await cp(path.join(modules, node, 'bin', 'node'), path.join(folder, 'bin', 'node'));
  await cp(path.join(modules, node, 'include'), path.join(folder, 'include'), {recursive: true});
  // Links in it lead to its own files, and not to where it was unpacked.
  await cp(path.join(modules, 'npm'), path.join(folder, 'lib', 'node_modules', 'npm'), {recursive: true, verbatimSymlinks: true});
  for (const name of ['npm', 'npx']) {
    await writeFile(path.join(folder, 'bin', name), `#!/bin/sh\nexec node /flynn/node/lib/node_modules/npm/bin/${name}-cli.js "$@"\n`);
    await chmod(path.join(folder, 'bin', name), 0o755);
  }
  await rm(packages, {recursive: true, force: true});
}

/** The proxy that apt uses on this machine, if any. */
export async function aptProxy(signal: AbortSignal): Promise<string | undefined> {
  const {stdout} = await execa('apt-config', ['shell', 'PROXY', 'Acquire::http::Proxy'], {cancelSignal: signal, reject: false});
  return /^PROXY='(.+)'$/m.exec(stdout ?? '')?.[1];
}

/** 12 hex digits of what goes into an image: files of this folder, texts behind a `=`, this machine's certificates, the base's name. */
async function hash(...parts: readonly string[]): Promise<string> {
  const sum = createHash('sha256').update(await hostCertificates()).update(process.env.FLYNN_BASE_IMAGE ?? '');
  for (const part of parts) sum.update(part.startsWith('=') ? part : await readFile(path.join(here, part))).update('\0');
  return sum.digest('hex').slice(0, 12);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
