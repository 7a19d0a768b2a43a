import type {ExecutionContext} from 'ava';
import type {PlanOfParts} from '../../../reconciler/forge/plan-of.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {warningsOf} from '../../../reconciler/receive/plaintext.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {startForge, type Contract, type ForgeServer} from '../../support/forges/server.ts';
import {app, cluster, release} from '../../support/manifests.ts';
import {elsewhere} from '../checkout/support.ts';

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
  const {gitdir, mirror, remote, repo, objects, main, push} = await elsewhere(t, SHOP);
  await repo.snapshot(LIMIT);
  const domain = () => 'flynn.localhost';
  return {
    gitdir,
    parts: {
      gitdir: mirror, objects, remote, domain, machines: [], apps: () => [], check: commitCheck({domain}), warningsOf: (states, signal) => warningsOf(states, signal),
      main,
    },
    pull: (number, files, from) => push(files, {to: `refs/pull/${number}/head`, ...(from !== undefined && {from})}),
    push: (files) => push(files),
  };
}
