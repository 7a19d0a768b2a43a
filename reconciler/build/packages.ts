import {createHash} from 'node:crypto';
import type Docker from 'dockerode';
import {proxyArguments} from '../../buildpacks/stack/host.ts';
import {aptProxy} from '../../buildpacks/stack/images.ts';
import {buildRepeatably, forgetWhen} from '../../buildpacks/stack/repeatable.ts';
import type {ImageDigest} from '../../schemas/ids.ts';
import {BuildStepFailed, inspectImage, removeImage, tagImage, withDeadline} from '../adapters/docker-build.ts';
import {anySignal} from '../any-signal.ts';
import {LABEL_APP, LABEL_INSTANCE, LABEL_PACKAGES} from '../labels.ts';
import {textEntry, tarStream} from './image/tar.ts';
import {detail, step, warning} from './output.ts';
import {BuildRefused} from './refused.ts';
import {SharedWork} from './shared-work.ts';

/** Debian packages that an app wants where it is built, and where it runs. Sorted, each once. */
export interface Packages {
  readonly build: readonly string[];
  readonly run: readonly string[];
}

export const NO_PACKAGES: Packages = {build: [], run: []};

/** Of one app, on one side. */
const PACKAGES_MAX = 200;
/** Debian policy, 5.6.1. */
const NAME = /^[a-z0-9][a-z0-9+.-]{1,100}$/;
/** A slow mirror, two slow cores, milliseconds. */
const INSTALL_MS_MAX = 15 * 60_000;
const LINES_MAX = 10;
/** Longer than any build goes on that has asked for one, milliseconds. */
const SUPERSEDED_MS = 6 * 60 * 60_000;

/** Reads what a buildpack's `bin/packages` prints: lines `build NAME…`, `run NAME…` or `both NAME…`. */
export function parsePackages(text: string, buildpack: string): Packages {
  const wanted = {build: new Set<string>(), run: new Set<string>()};
  for (const line of text.split('\n')) {
    const [where, ...names] = line.trim().split(/\s+/);
    if (where === undefined || where === '' || where.startsWith('#')) continue;
    const sides: readonly (keyof Packages)[] = where === 'both' ? ['build', 'run'] : where === 'build' || where === 'run' ? [where] : [];
    const wrong = names.find((name) => !NAME.test(name));
    if (sides.length === 0 || wrong !== undefined) throw new BuildRefused(`bin/packages of the buildpack "${buildpack}" printed "${line.trim().slice(0, 100)}", expected lines such as "both python3 libpq5"`);
    for (const side of sides) for (const name of names) wanted[side].add(name);
  }
  return {build: listed(wanted.build, buildpack), run: listed(wanted.run, buildpack)};
}

export function bothPackages(one: Packages, other: Packages): Packages {
  return {build: [...new Set([...one.build, ...other.build])].toSorted(), run: [...new Set([...one.run, ...other.run])].toSorted()};
}

function listed(names: ReadonlySet<string>, buildpack: string): readonly string[] {
  if (names.size > PACKAGES_MAX) throw new BuildRefused(`the buildpack "${buildpack}" wants ${names.size} Debian packages, at most ${PACKAGES_MAX} are installed`);
  return [...names].toSorted();
}

export interface ImageWanted {
  /** Name of the image that they are installed onto. */
  readonly base: string;
  readonly packages: readonly string[];
  print(line: string): void;
}

/** One that is there. */
export interface PackageImage {
  readonly image: ImageDigest;
  /** With spaces between. */
  readonly packages: string;
  readonly usedAtMs: number;
  /** A container, such as that of a build, stands on it. */
  readonly isInUse: boolean;
  /** By which builds find it. Empty: something uses it, but no build will any more. */
  readonly tags: readonly string[];
}

/** Images with Debian packages on top of the stack's: made once for all apps that want the same ones. */
export class PackageImages {
  readonly #docker: Docker;
  readonly #instance: string;
  readonly #making = new SharedWork<string>();

  constructor({docker, instance}: {docker: Docker; instance: string}) {
    this.#docker = docker;
    this.#instance = instance;
  }

  /** The name of an image that has them. Throws `BuildRefused` when they can't be installed. */
  async image({base, packages, print}: ImageWanted, signal: AbortSignal): Promise<string> {
    if (packages.length === 0) return base;
    const found = await inspectImage(this.#docker, base, signal);
    if (found === undefined) throw new Error(`the image "${base}" is missing: "flynn up" makes it`);
    const tag = await packagesTag({instance: this.#instance, base: found.Id, packages});
    const there = await inspectImage(this.#docker, tag, signal);
    if (there !== undefined) {
      // The engine notes the time of it: so it is known when the image was last needed.
      await tagImage(this.#docker, there.Id, tag, signal);
      return tag;
    }
    return this.#shared(tag, {base: found.Id, packages, print}, signal);
  }

  /**
   * Makes those that stand on these images (ids) anew, with the packages of today. Their names stay: who asks for one meanwhile gets what was there. What stands
   * on something else, and no build has asked for lately, goes.
   */
  async renew({bases, print}: {readonly bases: readonly string[]; print(line: string): void}, signal: AbortSignal): Promise<void> {
    const nowMs = Date.now();
    for (const {image, packages: words, usedAtMs, isInUse, tags} of await packageImagesOf(this.#docker, this.#instance, signal)) {
      const packages = words.split(' ');
      const wanted = await Promise.all(bases.map(async (base) => ({base, tag: await packagesTag({instance: this.#instance, base, packages})})));
      const found = wanted.find(({tag}) => tags.includes(tag));
      if (found !== undefined) await this.#renewOne(found.tag, {base: found.base, packages, print, before: image}, signal);
      else if (!isInUse && nowMs - usedAtMs > SUPERSEDED_MS) for (const one of tags.length > 0 ? tags : [image]) await removeImage(this.#docker, one, signal);
    }
  }

  async #renewOne(tag: string, {before, ...wanted}: ImageWanted & {readonly before: ImageDigest}, signal: AbortSignal): Promise<void> {
    wanted.print(`Debian packages for builds: ${wanted.packages.join(' ')}`);
    try {
      await this.#make(tag, {...wanted, isFromScratch: true}, anySignal([signal, AbortSignal.timeout(INSTALL_MS_MAX)]));
    } catch (error) {
      if (!(error instanceof BuildRefused)) throw error;
      return wanted.print(`${error.message}: those of before stay`);
    }
    // Unless something uses it, and goes on to.
    if ((await inspectImage(this.#docker, tag, signal))?.Id !== before) await removeImage(this.#docker, before, signal);
  }

  /** Two builds that want the same image at the same time make it once. */
  async #shared(tag: string, wanted: ImageWanted, signal: AbortSignal): Promise<string> {
    wanted.print(step(`Installing Debian packages: ${wanted.packages.join(' ')}`));
    return this.#making.join(tag, {
      begin: (until) => this.#make(tag, wanted, anySignal([until, AbortSignal.timeout(INSTALL_MS_MAX)])),
      onJoin: () => wanted.print(detail('Another build installs them already')),
    }, signal);
  }

  async #make(tag: string, {base, packages, print, isFromScratch = false}: ImageWanted & {readonly isFromScratch?: boolean}, signal: AbortSignal): Promise<string> {
    const lastLines: string[] = [];
    try {
      // Nothing of an app runs here.
      await buildRepeatably(this.#docker, {
        context: () => tarStream([textEntry('Dockerfile', dockerfileOf(base, packages))]),
        tag,
        arguments: proxyArguments(process.env, await aptProxy(signal)),
        labels: {[LABEL_INSTANCE]: this.#instance, [LABEL_PACKAGES]: packages.join(' ')},
        isFromScratch,
        onLine: (line) => {
          // The engine marks what came on stderr with a colour.
          const plain = line.replaceAll(/\x1b\[\d*m/g, '');
          if (/^(E:|W:|Err:|dpkg: error)/.test(plain)) lastLines.push(plain);
        },
      }, signal);
      return tag;
    } catch (error) {
      if (!isFromScratch) await removeImage(this.#docker, tag, AbortSignal.timeout(10_000)).catch(() => {});
      if (!(error instanceof BuildStepFailed) || signal.aborted) throw error;
      for (const line of lastLines.slice(-LINES_MAX)) print(warning(line));
      throw new BuildRefused(`Debian packages could not be installed: ${packages.join(' ')}`);
    }
  }
}

/** Its name says what it is made of: on another base it is another one. */
export async function packagesTag({instance, base, packages}: {readonly instance: string; readonly base: string; readonly packages: readonly string[]}): Promise<string> {
  return `${instance}/packages:${createHash('sha256').update([base, await forgetWhen(), ...packages].join(' ')).digest('hex').slice(0, 12)}`;
}

/** All that there are, with the time at which a build last asked for them. */
export async function packageImagesOf(docker: Docker, instance: string, signal: AbortSignal): Promise<readonly PackageImage[]> {
  const listed = await docker.listImages({filters: {label: [`${LABEL_INSTANCE}=${instance}`, LABEL_PACKAGES]}, abortSignal: withDeadline(signal)} as Docker.ListImagesOptions);
  const containers = await docker.listContainers({all: true, abortSignal: withDeadline(signal)} as Docker.ContainerListOptions);
  const used = new Set(containers.map(({ImageID}) => ImageID));
  // Apps' images that run on one have the label too.
  const made = listed.filter(({Labels}) => Labels[LABEL_APP] === undefined);
  return Promise.all(made.map(async ({Id, Labels, Created, RepoTags: tags}) => {
    const inspected = await inspectImage(docker, Id, signal) as (Docker.ImageInspectInfo & {readonly Metadata?: {readonly LastTagTime?: string}}) | undefined;
    return {image: Id as ImageDigest, packages: Labels[LABEL_PACKAGES] ?? '', usedAtMs: Math.max(Created * 1000, Date.parse(inspected?.Metadata?.LastTagTime ?? '') || 0), isInUse: used.has(Id), tags: (tags ?? []).filter((tag) => tag !== '<none>:<none>')};
  }));
}

function dockerfileOf(base: string, packages: readonly string[]): string {
  // Some packages of Java make links in the folder of manual pages, which ours leave out.
  return `FROM ${base}
ARG FORGET_WHEN
RUN started=$(date +%s); mkdir -p /usr/share/man/man1 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ${packages.join(' ')} && eval "$FORGET_WHEN"
`;
}
