import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {ObjectReader} from '../../../reconciler/adapters/git-objects.ts';
import {remoteRepo} from '../../../reconciler/checkout/remote.ts';
import type {PlanOfParts} from '../../../reconciler/forge/plan-of.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {warningsOf} from '../../../reconciler/receive/plaintext.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {startForge, type Contract, type ForgeServer} from '../../support/forges/server.ts';
import {app, cluster, release} from '../../support/manifests.ts';
import {bareRepo, cloneOf, commitFiles, run, temporaryFolder} from '../checkout/support.ts';

export const LIMIT = AbortSignal.timeout(600_000);

/** A forge whose document is kept to: else the test fails at its end. */
export async function forgeOf(t: ExecutionContext, contract: Contract): Promise<ForgeServer> {
  const server = await startForge(contract);
  t.teardown(async () => {
    await server.close();
    if (server.violations.length > 0) throw new Error(`asked against the API's document: ${server.violations.join('; ')}`);
  });
  return server;
}

export const SHOP: Readonly<Record<string, string>> = Object.fromEntries([cluster(), app('shop', 'services: {web: {replicas: 2}}\n'), release('shop', 1), app('blog'), release('blog', 1)].flatMap((file) => (file.kind === 'text' ? [[file.path, file.text]] : [])));

export interface Hosted {
  /** The repository at the forge. */
  readonly gitdir: string;
  /** What `planOfChange` needs, of a node that follows it. */
  readonly parts: PlanOfParts;
  /** Somebody opens a pull request, or pushes to it again. Resolves to its newest commit. */
  pull(number: number, files: Readonly<Record<string, string>>, from?: string): Promise<CommitId>;
  /** Somebody pushes to main. */
  push(files: Readonly<Record<string, string>>): Promise<CommitId>;
}

/** A repository at a forge, a clone of somebody who works on it, and a node that follows it. */
export async function hosted(t: ExecutionContext): Promise<Hosted> {
  const gitdir = await bareRepo(t, SHOP);
  const clone = await cloneOf(t, gitdir);
  const mirror = path.join(await temporaryFolder(t), 'mirror.git');
  const remote = {url: gitdir, knownHosts: '/dev/null'};
  const repo = remoteRepo({gitdir: mirror, pollSeconds: 3600, remote});
  const objects = new ObjectReader({gitdir: mirror});
  t.teardown(() => {
    repo.close();
    objects.close();
  });
  await repo.snapshot(LIMIT);
  const domain = () => 'flynn.localhost';
  return {
    gitdir,
    parts: {
      gitdir: mirror, objects, remote, domain, machines: [], apps: () => [], check: commitCheck({domain}), warningsOf: (states, signal) => warningsOf(states, signal),
      main: async (signal) => {
        await repo.refresh(signal);
        return (await repo.snapshot(signal)).commit;
      },
    },
    async pull(number, files, from = 'origin/main') {
      await run(clone, 'fetch', '--quiet', 'origin');
      await run(clone, 'checkout', '--quiet', '--detach', from);
      const head = await commitFiles(clone, files);
      await run(clone, 'push', '--quiet', '--force', 'origin', `HEAD:refs/pull/${number}/head`);
      return head as CommitId;
    },
    async push(files) {
      await run(clone, 'fetch', '--quiet', 'origin');
      await run(clone, 'checkout', '--quiet', '--detach', 'origin/main');
      const head = await commitFiles(clone, files);
      await run(clone, 'push', '--quiet', 'origin', 'HEAD:main');
      return head as CommitId;
    },
  };
}
