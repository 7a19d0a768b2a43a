import {randomBytes} from 'node:crypto';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {get} from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import Docker from 'dockerode';
import {makeStackImages} from '../../buildpacks/stack/images.ts';
import {removeContainers} from '../../reconciler/adapters/build-container.ts';
import type {BuildManifest} from '../../schemas/build.ts';
import type {BuildLimits, BuiltImage} from '../../reconciler/build/build.ts';
import {removeRecords} from '../../reconciler/build/buildkit-cache.ts';
import {createBuilder} from '../../reconciler/build/builder.ts';
import type {BuilderSettings} from '../../reconciler/build/context.ts';
import {PackageImages} from '../../reconciler/build/packages.ts';
import type {AppName} from '../../schemas/ids.ts';
import {appSource} from './app-source.ts';

const LIMITS: BuildLimits = {memoryBytes: 1024 ** 3, cpus: 2, timeMs: 480_000, diskBytes: 2 * 1024 ** 3, cacheBytes: 1024 ** 3, minFreeBytes: 0, imageBytes: 2 * 1024 ** 3, isBuildkitAllowed: true};

export interface Case {
  readonly fixture: string;
  readonly app?: string;
  readonly changes?: Readonly<Record<string, string | Uint8Array>>;
  /** Commits, by path. */
  readonly submodules?: Readonly<Record<string, string>>;
  readonly limits?: Partial<BuildLimits>;
  readonly env?: Readonly<Record<string, string>>;
  readonly manifest?: BuildManifest;
  readonly assembly?: NonNullable<BuilderSettings['assembly']>;
  readonly fetchLimits?: NonNullable<BuilderSettings['fetchLimits']>;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** What is still there after that has not stopped by itself. */
export const STOP_GRACE_MS = 15_000;

const ANSWER_MS_MAX = 20_000;

export type BuildTrial = Awaited<ReturnType<typeof buildTrial>>;

/** Whose images with Debian packages stay when the tests are over, as the stack's do: installing PHP or Java takes longer than all the rest. */
const INSTANCE_OF_KEPT_PACKAGES = 'flynn-build-test';

/** Builds of a real engine under an instance of their own, and what they leave. Makes the stack images first, where they are missing. */
export async function buildTrial({packages = 'own'}: {packages?: 'own' | 'kept'} = {}) {
  const docker = new Docker();
  const instance = `flynn-build-test-${randomBytes(3).toString('hex')}`;
  const ours = {label: [`flynn.instance=${instance}`]};
  const logs = await mkdtemp(path.join(os.tmpdir(), 'flynn-build-logs-'));
  const stack = await makeStackImages({docker, print: () => {}, which: ['run', 'build']}, AbortSignal.timeout(600_000));

  const packageImages = new PackageImages({docker, instance: packages === 'kept' ? INSTANCE_OF_KEPT_PACKAGES : instance});
  const builder = createBuilder({docker, instance, stack, logs, packageImages});

  async function build({fixture, app = fixture, changes = {}, submodules, limits, env = {}, manifest, assembly, fetchLimits, signal = AbortSignal.timeout(600_000), onLine}: Case) {
    await using source = await appSource(fixture, changes, submodules);
    const commit = await source.commit();
    const lines: string[] = [];
    const print = (line: string) => {
      lines.push(line);
      onLine?.(line);
    };
    const run = assembly === undefined && fetchLimits === undefined ? builder : createBuilder({docker, instance, stack, logs, packageImages, ...(assembly && {assembly}), ...(fetchLimits && {fetchLimits})});
    const result = await run({app: app as AppName, sourceCommit: commit, source: source.archive(commit), env, ...(manifest && {build: manifest}), ...(submodules && {submodules}), limits: {...LIMITS, cacheBytes: (limits?.diskBytes ?? LIMITS.diskBytes) / 2, ...limits}, print}, signal);
    return {result, lines};
  }

  async function buildWell(request: Case): Promise<BuiltImage & {lines: readonly string[]}> {
    const {result, lines} = await build(request);
    if (!result.ok) throw new Error([...lines, result.problem.reason].join('\n'));
    return {...result.value, lines};
  }

  async function buildBadly(request: Case): Promise<{reason: string; lines: readonly string[]}> {
    const {result, lines} = await build(request);
    if (result.ok) throw new Error(`built, against expectation:\n${lines.join('\n')}`);
    return {reason: result.problem.reason, lines};
  }

  /** Runs the image as a node would and gives the answers to requests. */
  async function serveAll(image: Pick<BuiltImage, 'image' | 'commands'>, urls: readonly string[]): Promise<readonly Served[]> {
    return whileRunning(image, async ({container, origin}) => {
      const answers: Answer[] = [];
      for (const url of urls) answers.push(await eventually(() => request(`${origin}${url}`)));
      const startedAt = performance.now();
      await container.stop({t: STOP_GRACE_MS / 1000});
      const {State} = await container.inspect();
      const stopMs = performance.now() - startedAt;
      const log = (await container.logs({stdout: true, stderr: true})).toString();
      return answers.map((answer) => ({...answer, stopMs, exitCode: State.ExitCode, log}));
    });
  }

  /** Runs the image as a node would, and removes the container at the end. */
  async function whileRunning<Value>({image, commands}: Pick<BuiltImage, 'image' | 'commands'>, use: (running: {container: Docker.Container; origin: string}) => Promise<Value>): Promise<Value> {
    const container = await docker.createContainer({
      Image: image,
      Cmd: [...(commands.web ?? [])],
      Env: ['PORT=5000', 'FLYNN_SERVICE=web'],
      Labels: {'flynn.instance': instance},
      HostConfig: {CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges']},
    });
    try {
      await container.start();
      const {NetworkSettings} = await container.inspect();
      return await use({container, origin: `http://${NetworkSettings.Networks['bridge']?.IPAddress}:5000`});
    } finally {
      await container.remove({force: true});
    }
  }

  async function serve(image: Pick<BuiltImage, 'image' | 'commands'>, url = '/'): Promise<Served> {
    const [served] = await serveAll(image, [url]);
    if (served === undefined) throw new Error('bug: a request without an answer');
    return served;
  }

  /** Of one app: of another one's last build, which went well, the engine may just be removing it. */
  async function buildContainers(app: string): Promise<readonly string[]> {
    const containers = await docker.listContainers({all: true, filters: {label: [...ours.label, 'flynn.role=build', `flynn.app=${app}`]}});
    return containers.flatMap(container => container.Names);
  }

  /** Containers and images, also nameless ones, in whose environment TRIAL is `name`. */
  async function tracesOf(name: string): Promise<readonly string[]> {
    const containers = await docker.listContainers({all: true});
    const images = await docker.listImages({all: true});
    const found = await Promise.all([
      ...containers.map(({Id}) => docker.getContainer(Id).inspect().catch(() => undefined)),
      ...images.map(({Id}) => docker.getImage(Id).inspect().catch(() => undefined)),
    ]);
    return found.flatMap(thing => (thing?.Config.Env?.includes(`TRIAL=${name}`) ? [thing.Id] : []));
  }

  async function layersOf(image: string): Promise<readonly string[]> {
    return (await docker.getImage(image).inspect()).RootFS.Layers ?? [];
  }

  async function emptyCache(app: string): Promise<void> {
    await removeContainers(docker, ours.label, AbortSignal.timeout(60_000));
    await docker.getVolume(`${instance}-cache-${app}`).remove();
  }

  async function clean(): Promise<void> {
    await removeContainers(docker, ours.label, AbortSignal.timeout(60_000));
    for (const {Id} of await docker.listImages({filters: ours})) await docker.getImage(Id).remove({force: true});
    for (const {Name} of (await docker.listVolumes({filters: ours})).Volumes) await docker.getVolume(Name).remove();
    for (const app of await readdir(logs)) await removeRecords(docker, path.join(logs, app), AbortSignal.timeout(60_000));
    await rm(logs, {recursive: true, force: true});
  }

  return {docker, instance, stack, packageImages, ours, logs, buildImage: stack.build, build, buildWell, buildBadly, serve, serveAll, whileRunning, buildContainers, tracesOf, layersOf, emptyCache, clean};
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export interface Served extends Answer {
  /** How long the container took to stop, how it ended, and what it wrote. */
  readonly stopMs: number;
  readonly exitCode: number;
  readonly log: string;
}

function request(url: string): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  get(url, {signal: AbortSignal.timeout(ANSWER_MS_MAX)}, response => {
    let body = '';
    response.setEncoding('utf8').on('data', chunk => (body += chunk));
    response.on('end', () => resolve({status: response.statusCode ?? 0, headers: response.headers, body})).on('error', reject);
  }).on('error', reject);
  return promise;
}

export async function eventually<Value>(attempt: () => Promise<Value>, limitMs = 60_000): Promise<Value> {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(50);
    }
  }
}
