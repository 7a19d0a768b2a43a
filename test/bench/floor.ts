import type Docker from 'dockerode';
import {get} from './http.ts';
import {inParallel, nowMs, until} from './until.ts';

export interface FloorSpec {
  readonly docker: Docker;
  readonly image: string;
  readonly command: readonly string[];
  /** Names of the containers begin with it. */
  readonly prefix: string;
}

export const FLOOR_PORT = 8080;
const ANSWER_MS_MAX = 60_000;
/** As many starts at once as the reconciler makes. */
const PARALLEL = 4;

/** Milliseconds from nothing to the first answer of one container, with the engine's defaults: nobody can be faster. */
export async function floorOfOne(spec: FloorSpec, signal: AbortSignal): Promise<number> {
  const startedAtMs = nowMs();
  const container = await start(spec, 'one');
  try {
    const address = (await container.inspect()).NetworkSettings.Networks['bridge']?.IPAddress ?? '';
    await until('the first answer', async () => ((await get({address, port: FLOOR_PORT, host: 'bench'}, signal))?.status === 200 ? true : undefined), {everyMs: 3, msMax: ANSWER_MS_MAX}, signal);
    return nowMs() - startedAtMs;
  } finally {
    await container.remove({force: true});
  }
}

/** Milliseconds until so many containers have been started. */
export async function floorOfMany(spec: FloorSpec, count: number): Promise<number> {
  const containers: Docker.Container[] = [];
  const startedAtMs = nowMs();
  try {
    await inParallel(Array.from({length: count}, (_, index) => String(index)), PARALLEL, async (name) => void containers.push(await start(spec, name)));
    return nowMs() - startedAtMs;
  } finally {
    await inParallel(containers, PARALLEL, (container) => container.remove({force: true}));
  }
}

async function start({docker, image, command, prefix}: FloorSpec, name: string): Promise<Docker.Container> {
  const container = await docker.createContainer({name: `${prefix}-${name}`, Image: image, Cmd: [...command], Env: [`PORT=${FLOOR_PORT}`]});
  try {
    await container.start();
    return container;
  } catch (error) {
    await container.remove({force: true});
    throw error;
  }
}
