import {cp, mkdir, mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {nowMs} from '../until.ts';
import type {TrialNode} from './trial-node.ts';

/** A small Node app with packages and a build step: what a team would push. */
export interface TrialApp {
  readonly name: string;
  /** Its work tree. */
  readonly folder: string;
  /** Commits a change of its code, and other files; returns the text that it answers with from then on. */
  change(signal: AbortSignal, files?: Readonly<Record<string, string>>): Promise<string>;
  remove(): Promise<void>;
}

const FIXTURE = path.resolve(import.meta.dirname, '..', '..', 'fixtures', 'apps', 'node-express');

export async function makeTrialApp(node: TrialNode, name: string, signal: AbortSignal): Promise<TrialApp> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-bench-app-'));
  const remove = () => rm(folder, {recursive: true, force: true});
  let changes = 0;
  const change: TrialApp['change'] = async (until, files = {}) => {
    changes += 1;
    const text = `code ${changes}`;
    for (const [file, content] of Object.entries({...files, 'app.js': server(text)})) await writeFile(path.join(folder, file), content);
    await node.run(['git', 'add', '--all'], {cwd: folder}, until);
    await node.run(['git', 'commit', '--quiet', '--message', text], {cwd: folder}, until);
    return text;
  };
  try {
    await cp(FIXTURE, folder, {recursive: true});
    await writeFile(path.join(folder, 'Procfile'), 'web: node app.js\n');
    await node.run(['git', 'init', '--quiet', '--initial-branch=main'], {cwd: folder}, signal);
    await node.flynn(['create', name], folder, signal);
    return {name, folder, change, remove};
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Says in its answer what it was started with; `/burst` prints many lines of 100 bytes. */
function server(text: string): string {
  return `const app = require('express')();
const answer = '${text}, release ' + process.env.FLYNN_RELEASE + ', value ' + process.env.VALUE + '.\\n';
app.get('/', (request, response) => response.send(answer));
app.get('/burst', ({query: {marker, lines}}, response) => {
  const text = index => (marker + ' ' + index + ' ').padEnd(99, '.') + '\\n';
  const printed = Array.from({length: Number(lines)}, (_, index) => text(index));
  for (let start = 0; start < printed.length; start += 1000) process.stdout.write(printed.slice(start, start + 1000).join(''));
  if (printed.length > 1) process.stdout.write(marker + '-end\\n');
  response.send('printed');
});
app.listen(process.env.PORT ?? 8080);
process.once('SIGTERM', () => process.exit(0));
`;
}

/** A clone of the cluster repository, for commits as people make them. */
export interface ClusterClone {
  /** Edits one file, commits it, and pushes it. Resolves to the time at which the branch moved, in milliseconds since 1970, and the one at which `git push` was started. */
  push(file: string, edit: (text: string) => string, signal: AbortSignal): Promise<{readonly startedAtMs: number; readonly movedAtMs: number}>;
  /** As it is on the server now; empty when it is not there. */
  read(file: string, signal: AbortSignal): Promise<string>;
  remove(): Promise<void>;
}

export async function cloneCluster(node: TrialNode, signal: AbortSignal): Promise<ClusterClone> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-bench-cluster-'));
  await node.run(['git', 'clone', '--quiet', `${node.gitUrl}/cluster.git`, folder], {cwd: folder}, signal);
  const inside = (file: string) => path.join(folder, file);
  const pull = (until: AbortSignal) => node.run(['git', 'pull', '--quiet', '--rebase'], {cwd: folder}, until);
  const textOf = (file: string) => readFile(inside(file), 'utf8').catch(() => '');
  return {
    async read(file, until) {
      await pull(until);
      return textOf(file);
    },
    async push(file, edit, until) {
      await pull(until);
      await mkdir(path.dirname(inside(file)), {recursive: true});
      await writeFile(inside(file), edit(await textOf(file)));
      await node.run(['git', 'add', '--all'], {cwd: folder}, until);
      await node.run(['git', 'commit', '--quiet', '--message', `change ${file}`], {cwd: folder}, until);
      const startedAtMs = nowMs();
      await node.run(['git', 'push', '--quiet'], {cwd: folder}, until);
      // The reflog has seconds only; the ref's own file is replaced at the moment of the move.
      const {mtimeMs} = await stat(path.join(node.layout.clusterRepo, 'refs', 'heads', 'main'));
      return {startedAtMs, movedAtMs: mtimeMs};
    },
    remove: () => rm(folder, {recursive: true, force: true}),
  };
}
