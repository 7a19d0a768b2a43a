import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {execa} from 'execa';

const BUILDPACKS = path.join(import.meta.dirname, '..', '..', 'buildpacks');

export type Files = Readonly<Record<string, string>>;

/** Runs bash in a folder with these files; BUILDPACK is the folder of ours with that name. Both streams, as they came. It ends where `bin/compile` would: at the first failure. */
export async function runInApp(buildpack: string, {script, files}: {script: string; files: Files}): Promise<{readonly exitCode: number | undefined; readonly output: string}> {
  const folder = await mkdtemp(path.join(os.tmpdir(), `flynn-${buildpack}-test-`));
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
      await writeFile(path.join(folder, name), text);
    }
    const {exitCode, all} = await execa('bash', ['-c', `set -euo pipefail\n${script}`], {cwd: folder, reject: false, stdin: 'ignore', all: true, env: {BUILDPACK: path.join(BUILDPACKS, buildpack)}});
    return {exitCode, output: all.replaceAll(folder, 'APP')};
  } finally {
    await rm(folder, {recursive: true});
  }
}
