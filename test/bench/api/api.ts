import {mkdtemp, rm} from 'node:fs/promises';
import {Agent, request as httpRequest} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {execa} from 'execa';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {AuditLog} from '../../../reconciler/oneshot/audit.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {FakeView} from '../../reconciler/api/fake-view.ts';
import {appYaml, generateRepository} from '../pass/repository.ts';
import {figure, type Benchmark, type Row} from '../report.ts';

const WRITERS = 200;
const APPS = 50;
const TOKEN = 'bench';
const signal = AbortSignal.timeout(600_000);

/** (k) 200 clients change the cluster at the same moment, each by one commit. */
export function apiBenchmark(): Benchmark {
  return {
    name: 'api',
    title: '(k) 200 writers at once through the API: each is a commit, none is lost',
    async run({runs, say}) {
      const all: (Writes & {readonly gitMs: number})[] = [];
      for (let run = 1; run <= runs; run += 1) {
        all.push(await oneRun(run));
        say(`run ${run}: ${WRITERS} commits in ${all.at(-1)?.totalMs.toFixed(0)} ms`);
      }
      const row = (what: string, share: number): Row => ({what, unit: 'ms', ours: figure(all.map(({took}) => took.toSorted((a, b) => a - b)[Math.ceil(took.length * share) - 1] ?? 0))});
      return [
        row('answered to half of them', 0.5), {...row('to 99 of 100', 0.99), target: 2000},
        {what: 'commits, each checked', unit: 'n/s', ours: figure(all.map(({totalMs}) => WRITERS / totalMs * 1000))},
        {what: "  the same by git's plumbing, one after the other, unchecked", unit: 'n/s', ours: figure(all.map(({gitMs}) => GIT_COMMITS / gitMs * 1000))},
        {what: 'answered to one who writes alone', unit: 'ms', ours: figure(all.flatMap(({alone}) => alone))},
      ];
    },
  };
}

/** What native git's plumbing makes one after the other, with nothing checked. */
const GIT_COMMITS = 40;

/** How long each waited, in milliseconds. */
interface Writes {
  readonly took: readonly number[];
  readonly totalMs: number;
  readonly alone: readonly number[];
}

/** Commits that are made one after the other. */
const ALONE = 20;

async function oneRun(run: number): Promise<Writes & {readonly gitMs: number}> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-bench-api-'));
  try {
    const gitdir = path.join(folder, 'cluster.git');
    await generateRepository(gitdir, APPS, signal);
    return {...await write({gitdir, audit: new AuditLog(path.join(folder, 'audit.log'))}, run), gitMs: await plainGit(gitdir)};
  } finally {
    await rm(folder, {recursive: true, force: true, maxRetries: 5});
  }
}

async function write({gitdir, audit}: {readonly gitdir: string; readonly audit: AuditLog}, run: number): Promise<Writes> {
  const repo = ownRepo({gitdir, check: commitCheck({domain: () => 'bench.localhost'})});
  const view = Object.assign(new FakeView(), {repo, audit});
  const server = createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'bench', email: 'bench@localhost'}}), log: () => {}});
  const agent = new Agent({keepAlive: true, maxSockets: WRITERS});
  try {
    await server.listen({host: '127.0.0.1', port: 0});
    const {port} = server.server.address() as AddressInfo;
    const post = (writer: number) => new Promise<number>((resolve, reject) => {
      const beganMs = performance.now();
      const body = JSON.stringify({set: {[`RUN_${run}_WRITER_${writer}`]: 'x'}});
      const request = httpRequest({port, agent, method: 'POST', path: `/v1/apps/app-${String(1 + writer % APPS).padStart(4, '0')}/env`, headers: {'authorization': `Bearer ${TOKEN}`, 'content-type': 'application/json'}}, (response) => {
        response.resume().on('end', () => response.statusCode === 200 ? resolve(performance.now() - beganMs) : reject(new Error(`writer ${writer}: ${response.statusCode}`)));
      });
      request.on('error', reject).end(body);
    });
    const beganMs = performance.now();
    const took = await Promise.all(Array.from({length: WRITERS}, (_, writer) => post(writer)));
    const totalMs = performance.now() - beganMs;
    const snapshot = await repo.snapshot(signal);
    const texts = await Promise.all(snapshot.apps.map(async ({files}) => (await files(signal)).map((file) => (file.kind === 'text' ? file.text : '')).join('')));
    const found = texts.join('').match(new RegExp(`RUN_${run}_WRITER_\\d+`, 'g'))?.length ?? 0;
    if (found !== WRITERS) throw new Error(`${WRITERS - found} of ${WRITERS} writes are lost`);
    const alone: number[] = [];
    for (let writer = WRITERS; writer < WRITERS + ALONE; writer += 1) alone.push(await post(writer));
    return {took, totalMs, alone};
  } finally {
    agent.destroy();
    await server.close();
    repo.close();
  }
}

async function plainGit(gitdir: string): Promise<number> {
  const git = async (args: readonly string[], input?: string) => (await execa('git', [...args], {cwd: gitdir, ...(input !== undefined && {input}), env: {GIT_AUTHOR_NAME: 'b', GIT_AUTHOR_EMAIL: 'b@b', GIT_COMMITTER_NAME: 'b', GIT_COMMITTER_EMAIL: 'b@b', GIT_INDEX_FILE: path.join(gitdir, 'bench-index')}})).stdout.trim();
  await git(['read-tree', 'main']);
  const beganMs = performance.now();
  for (let count = 0, parent = 'main'; count < GIT_COMMITS; count += 1) {
    const blob = await git(['hash-object', '-w', '--stdin'], appYaml(`git-${count}`));
    await git(['update-index', '--cacheinfo', `100644,${blob},apps/app-0001/app.yaml`]);
    parent = await git(['commit-tree', await git(['write-tree']), '-p', parent], 'bench\n');
    await git(['update-ref', 'refs/heads/bench', parent]);
  }
  return performance.now() - beganMs;
}
