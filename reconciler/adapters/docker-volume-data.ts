import {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {ENGINE_CALL_MS_MAX, engineCall, hasStatus} from './docker-client.ts';

/** Where helpers have what they are made for. */
const FOLDER = '/volume';
const FROM = '/from';
const TO = '/to';
/** Copying is local, but disks are slow and volumes large, milliseconds. */
const COPY_MS_MAX = 6 * 60 * 60_000;
/** What a copy needs to keep owners and modes. */
const COPY_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP'];
const LOG_BYTES_MAX = 1000;

export interface VolumeUser {
  readonly id: string;
  readonly name: string;
  readonly isRunning: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

interface HelperSpec {
  /** With bash and coreutils. */
  readonly image: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** All containers that have a volume, running or not. */
export async function usersOfVolume(docker: Docker, volume: string, signal: AbortSignal): Promise<readonly VolumeUser[]> {
  const listed = await engineCall('list containers', (abortSignal) => docker.listContainers({all: true, filters: {volume: [volume]}, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal});
  return listed.map(({Id, Names, State, Labels}) => ({id: Id, name: (Names[0] ?? Id).replace(/^\//, ''), isRunning: State === 'running' || State === 'paused' || State === 'restarting', labels: Labels}));
}

export async function makeVolume(docker: Docker, name: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
  await engineCall(`create volume ${name}`, (abortSignal) => docker.createVolume({Name: name, Labels: {...labels}, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal});
}

/** A volume as a tar, its files below `volume/`. Whatever its files' owners and modes are, they can be read: it is the engine that reads. */
export async function* readVolume(docker: Docker, volume: string, spec: HelperSpec, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const helper = await makeHelper(docker, {...spec, mounts: [mount(volume, FOLDER, true)]}, signal);
  try {
    const archive = await engineCall('read volume', (abortSignal) => helper.getArchive({path: FOLDER, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal}) as Readable;
    const stop = () => archive.destroy();
    signal.addEventListener('abort', stop, {once: true});
    try {
      yield* archive as AsyncIterable<Uint8Array>;
    } finally {
      signal.removeEventListener('abort', stop);
      archive.destroy();
    }
  } finally {
    await removeHelper(docker, spec.name);
  }
}

/** Puts a tar as `readVolume` gives it into a volume. Rejects with what the tar's own stream threw. */
export async function writeVolume(docker: Docker, {volume, tar, ...spec}: HelperSpec & {readonly volume: string; readonly tar: AsyncIterable<Uint8Array>}, signal: AbortSignal): Promise<void> {
  const helper = await makeHelper(docker, {...spec, mounts: [mount(volume, FOLDER, false)]}, signal);
  const body = Readable.from(tar, {objectMode: false});
  const failed = new Promise<never>((_resolve, reject) => body.once('error', reject));
  try {
    await Promise.race([helper.putArchive(body, {path: '/', abortSignal: signal}), failed]);
  } finally {
    body.destroy();
    await removeHelper(docker, spec.name);
  }
}

/** Makes the files of one volume those of another one. It goes on when we are killed: then too the copy is whole in the end. */
export async function copyVolume(docker: Docker, {from, to, ...spec}: HelperSpec & {readonly from: string; readonly to: string}, signal: AbortSignal): Promise<void> {
  const command = ['-c', `set -e; find ${TO} -mindepth 1 -delete; cp -a ${FROM}/. ${TO}/`];
  const helper = await makeHelper(docker, {...spec, mounts: [mount(from, FROM, true), mount(to, TO, false)], command}, signal);
  try {
    await engineCall('start the copy', (abortSignal) => helper.start({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal});
    const {StatusCode} = await engineCall('wait for the copy', (abortSignal) => helper.wait({abortSignal}), {ms: COPY_MS_MAX, signal}) as {readonly StatusCode: number};
    if (StatusCode !== 0) {
      const said = String(await helper.logs({stdout: true, stderr: true, tail: 5})).slice(0, LOG_BYTES_MAX);
      throw new Error(`copying the files failed (exit code ${StatusCode}): ${said.replaceAll(/[^\x20-\x7e]+/g, ' ').trim()}`);
    }
  } finally {
    await removeHelper(docker, spec.name);
  }
}

async function makeHelper(docker: Docker, {image, name, labels, mounts, command}: HelperSpec & {readonly mounts: readonly Docker.MountSettings[]; readonly command?: readonly string[]}, signal: AbortSignal): Promise<Docker.Container> {
  await removeHelper(docker, name);
  const options: Docker.ContainerCreateOptions = {
    name, Image: image, Labels: {...labels}, User: '0', Entrypoint: ['/bin/bash'], Cmd: [...command ?? []],
    HostConfig: {NetworkMode: 'none', Mounts: [...mounts], CapDrop: ['ALL'], CapAdd: COPY_CAPABILITIES, SecurityOpt: ['no-new-privileges']},
  };
  return engineCall(`create ${name}`, (abortSignal) => docker.createContainer({...options, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal});
}

/** Not ended by a signal: what was made is taken away. */
async function removeHelper(docker: Docker, name: string): Promise<void> {
  try {
    await engineCall(`remove ${name}`, (abortSignal) => docker.getContainer(name).remove({force: true, abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal: new AbortController().signal});
  } catch (error) {
    if (!hasStatus(error, 404, 409)) throw error;
  }
}

function mount(source: string, target: string, isReadOnly: boolean): Docker.MountSettings {
  return {Type: 'volume', Source: source, Target: target, ReadOnly: isReadOnly};
}
