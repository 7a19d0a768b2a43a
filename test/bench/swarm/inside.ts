import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {createReadStream, openSync} from 'node:fs';
import path from 'node:path';
import Docker from 'dockerode';
import {execa} from 'execa';
import {floorOfMany} from '../floor.ts';
import {startLoad} from '../../support/load.ts';
import {get} from '../http.ts';
import {CONNECTIONS, DEPLOYS} from '../load.ts';
import {nowMs, until} from '../until.ts';
import type {InsideOptions, SwarmFigures} from './measure.ts';

// A program: runs in namespaces of its own (see measure.ts), with an engine of its own, and prints what Swarm takes.

const PORT = 8080;
const PUBLISHED = 8080;
const SERVICE = 'bench';
/** A registry that refuses at once: Swarm asks for every image before it takes the one that is there. */
const TAG = {repo: '127.0.0.1:1/bench', tag: 'latest'} as const;
const ANSWER_MS_MAX = 60_000;
const LIMITS = {everyMs: 3, msMax: ANSWER_MS_MAX} as const;
const COUNT_LIMITS = {everyMs: 50, msMax: 180_000} as const;
const SCALE_RUNS_MAX = 3;

const options = JSON.parse(process.argv[2] ?? '') as InsideOptions;
const {signal} = new AbortController();
const socketPath = path.join(options.folder, 'docker.sock');
const docker = new Docker({socketPath});
const engine = await startEngine();
try {
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
} finally {
  await docker.swarmLeave({force: true}).catch(() => {});
  engine.kill('SIGTERM');
  await once(engine, 'exit');
}

async function startEngine(): Promise<ChildProcess> {
  await execa('ip', ['link', 'set', 'lo', 'up']);
  const file = (name: string) => path.join(options.folder, name);
  const log = openSync(file('dockerd.log'), 'a');
  const args = ['--host', `unix://${socketPath}`, '--data-root', file('data'), '--exec-root', file('exec'), '--pidfile', file('pid'), '--log-level', 'error'];
  const started = spawn('dockerd', args, {stdio: ['ignore', log, log]});
  await until('the second engine', async () => docker.ping().then(() => true, () => undefined), {everyMs: 50, msMax: 30_000}, signal);
  await docker.loadImage(createReadStream(options.imageTar)).then((stream) => untilEnd(stream));
  await docker.getImage(options.image).tag(TAG);
  await docker.swarmInit({ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1'});
  return started;
}

function untilEnd(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => void stream.resume().once('end', () => resolve()).once('error', reject));
}

async function measure(): Promise<SwarmFigures> {
  const created: number[] = [];
  const updated: number[] = [];
  const scaled: number[] = [];
  const floor: number[] = [];
  const crashed: number[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    created.push(await timed(async () => {
      await docker.createService(specOf({value: 'first', replicas: 1, isPublished: true}));
      await untilAnswer('value first.');
    }));
    updated.push(await timed(async () => {
      await update({value: 'second', replicas: 1, isPublished: true});
      await untilAnswer('value second.');
    }));
    crashed.push(await timed(async () => {
      const [running] = await docker.listContainers();
      await docker.getContainer(running?.Id ?? '').kill({signal: 'SIGKILL'});
      await untilAnswer('value second.');
    }));
    await remove();
  }
  for (let run = 1; run <= Math.min(options.runs, SCALE_RUNS_MAX); run += 1) {
    floor.push(await floorOfMany({docker, image: options.image, command: options.command, prefix: 'floor'}, options.scaleTo));
    await docker.createService(specOf({value: 'first', replicas: 1, isPublished: false}));
    await untilRunning(1);
    scaled.push(await timed(async () => {
      await update({value: 'first', replicas: options.scaleTo, isPublished: false});
      await untilRunning(options.scaleTo);
    }));
    await remove();
  }
  return {created, updated, scaled, floor, crashed, underLoad: await updateUnderLoad()};
}

async function updateUnderLoad(): Promise<SwarmFigures['underLoad']> {
  await docker.createService(specOf({value: 'load-0', replicas: 1, isPublished: true}));
  await untilAnswer('value load-0.');
  await using load = startLoad({port: PUBLISHED, host: SERVICE}, CONNECTIONS);
  for (let deploy = 1; deploy <= DEPLOYS; deploy += 1) {
    await update({value: `load-${deploy}`, replicas: 1, isPublished: true});
    await untilAnswer(`value load-${deploy}.`);
  }
  const {answered, failures} = await load.stop();
  await remove();
  return {answered, failed: failures.length};
}

interface ServiceOptions {
  readonly value: string;
  readonly replicas: number;
  /** On a port of the host, of which there is one only: an update stops the old container first. */
  readonly isPublished: boolean;
}

function specOf({value, replicas, isPublished}: ServiceOptions): Docker.CreateServiceOptions {
  return {
    Name: SERVICE,
    TaskTemplate: {
      ContainerSpec: {Image: `${TAG.repo}:${TAG.tag}`, Args: [...options.command], Env: [`PORT=${PORT}`, `VALUE=${value}`], Init: true},
      RestartPolicy: {Condition: 'any'},
    },
    Mode: {Replicated: {Replicas: replicas}},
    // Virtual addresses need IPVS, which not every kernel has.
    EndpointSpec: isPublished ? {Ports: [{Protocol: 'tcp', TargetPort: PORT, PublishedPort: PUBLISHED, PublishMode: 'host'}]} : {Mode: 'dnsrr'},
  };
}

async function update(service: ServiceOptions): Promise<void> {
  const inspected = await docker.getService(SERVICE).inspect() as {readonly Version: {readonly Index: number}};
  await docker.getService(SERVICE).update({version: inspected.Version.Index, ...specOf(service)});
}

async function remove(): Promise<void> {
  await docker.getService(SERVICE).remove();
  await until('no container', async () => ((await docker.listContainers({all: true})).length === 0 ? true : undefined), COUNT_LIMITS, signal);
}

async function untilAnswer(text: string): Promise<void> {
  await until(`an answer with "${text}"`, async () => ((await get({port: PUBLISHED, host: SERVICE}, signal))?.body.includes(text) === true ? true : undefined), LIMITS, signal);
}

async function untilRunning(count: number): Promise<void> {
  await until(`${count} running`, async () => ((await docker.listContainers()).length >= count ? true : undefined), COUNT_LIMITS, signal);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAtMs = nowMs();
  await work();
  return nowMs() - startedAtMs;
}
