import path from 'node:path';
import type Docker from 'dockerode';
import type {BuiltImage} from '../../reconciler/build/build.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** What was detected in a folder of test/fixtures/apps, as text: with what it was built, on which packages, which commands it has, what it reports. */
export async function planOf(docker: Docker, {image, fixture, built}: {image: string; fixture: string; built: BuiltImage}): Promise<string> {
  const names = (built.buildpacks ?? []).map(({name}) => name);
  const packages = await Promise.all(names.map((name) => packagesOf(docker, {image, fixture, name})));
  const reports = (built.buildpacks ?? []).flatMap(({report = {}}) => Object.entries(report));
  return section('builder', [`${built.builder} (${names.join(', ')})`])
    + section('packages', packages.flatMap((text) => text.split('\n').filter((line) => line !== '')))
    + section('commands', Object.entries(built.commands).map(([name, words]) => `${name}: ${words.join(' ')}`))
    + section('report', reports.map(([name, value]) => `${name}: ${withoutPatches(value)}`));
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Debian's updates change the last numbers of a version, and its own part of it. */
function withoutPatches(text: string): string {
  return text.replaceAll(/\b(\d+\.\d+)(?:\.\d+)*(?:[-+~:.][\w+~.-]+)?/g, '$1…');
}

/** What `bin/packages` prints, in the image that builds begin in. */
async function packagesOf(docker: Docker, {image, fixture, name}: {image: string; fixture: string; name: string}): Promise<string> {
  const script = `cd /buildpacks/${name} && if [ -x bin/packages ]; then ./bin/packages /source /nowhere; fi`;
  const binds = [`${ROOT}/buildpacks:/buildpacks:ro`, `${ROOT}/test/fixtures/apps/${fixture}:/source:ro`];
  // Not removed by the engine, which may do so before it is asked how it ended; and what it wrote is read when all of it is there.
  const container = await docker.createContainer({Image: image, Entrypoint: [], Cmd: ['bash', '-c', script], HostConfig: {Binds: binds, NetworkMode: 'none'}, Tty: true});
  try {
    await container.start();
    const {StatusCode: status} = await container.wait() as {readonly StatusCode: number};
    const text = (await container.logs({stdout: true, stderr: true})).toString().replaceAll('\r', '');
    if (status !== 0) throw new Error(`bin/packages of ${name} ended with ${status}: ${text}`);
    return text;
  } finally {
    await container.remove({force: true});
  }
}
