import {execa} from 'execa';
import {createWriteStream} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {pipeline} from 'node:stream/promises';
import type {Scene} from '../node/scene.ts';
import type {BenchContext} from '../report.ts';

/** Milliseconds each. */
export interface SwarmFigures {
  /** `service create` → first answer. */
  readonly created: readonly number[];
  /** `service update` of an environment variable → first new answer. */
  readonly updated: readonly number[];
  /** `service update` to many replicas → all of them running. */
  readonly scaled: readonly number[];
  /** The published container's process killed → first answer of another one. */
  readonly crashed: readonly number[];
  /** Requests during as many `service update`s as we make deploys, one after the other. */
  readonly underLoad: {readonly answered: number; readonly failed: number};
  /** What so many containers take without Swarm in the same engine, in turns with `scaled`: engines of one machine are not equally fast. */
  readonly floor: readonly number[];
}

export type SwarmSource = (scene: Pick<Scene, 'docker' | 'image' | 'command'>, signal: AbortSignal) => Promise<SwarmFigures | {readonly notAvailable: string}>;

export interface InsideOptions {
  /** Of its own engine. */
  readonly folder: string;
  /** As `docker save` writes it. */
  readonly imageTar: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly runs: number;
  readonly scaleTo: number;
}

const INSIDE = path.join(import.meta.dirname, 'inside.ts');
const MEASURE_MS_MAX = 8 * 60_000;
const CAUSE_LENGTH_MAX = 200;

/** Answers what Swarm takes for the same, measured when first asked for and then known. Never rejects because of Swarm. */
export function swarmSource({runs, say, onEnd}: BenchContext, scaleTo: number): SwarmSource {
  let known: ReturnType<SwarmSource> | undefined;
  return (scene, signal) => (known ??= measure(scene, signal));

  async function measure({docker, image, command}: Pick<Scene, 'docker' | 'image' | 'command'>, signal: AbortSignal): Promise<SwarmFigures | {readonly notAvailable: string}> {
    const folder = await mkdtemp(path.join(tmpdir(), 'flynn-bench-swarm-'));
    onEnd(() => rm(folder, {recursive: true, force: true}));
    say('Swarm, in a second engine with a network of its own');
    try {
      const imageTar = path.join(folder, 'image.tar');
      await pipeline(await docker.getImage(image).get(), createWriteStream(imageTar));
      const options: InsideOptions = {folder, imageTar, image, command, runs, scaleTo};
      // Whatever happens to us, the kernel ends everything inside with the first process of its own.
      const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
      const {stdout} = await execa('unshare', [...namespaces, '--', process.execPath, INSIDE, JSON.stringify(options)], {timeout: MEASURE_MS_MAX, cancelSignal: signal, stderr: 'pipe'});
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as SwarmFigures;
    } catch (error) {
      signal.throwIfAborted();
      return {notAvailable: `Swarm could not be measured: ${causeOf(error)}`};
    }
  }
}

function causeOf(error: unknown): string {
  const {stderr, message} = error as {readonly stderr?: string; readonly message?: string};
  const lines = (stderr ?? '').split('\n').filter((line) => /error|fail/i.test(line));
  return (lines.at(-1) ?? message ?? String(error)).trim().slice(0, CAUSE_LENGTH_MAX);
}
