import path from 'node:path';
import {PassThrough} from 'node:stream';
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
  const output = new PassThrough();
  let text = '';
  output.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const binds = [`${ROOT}/buildpacks:/buildpacks:ro`, `${ROOT}/test/fixtures/apps/${fixture}:/source:ro`];
  const [{StatusCode: status}] = await docker.run(image, ['bash', '-c', script], output, {Entrypoint: [], HostConfig: {AutoRemove: true, Binds: binds, NetworkMode: 'none'}, Tty: true}) as [{StatusCode: number}];
  if (status !== 0) throw new Error(`bin/packages of ${name} ended with ${status}: ${text}`);
  return text.replaceAll('\r', '');
}
