import type {ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import type {FollowedRepo} from '../../../reconciler/checkout/repo.ts';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import type {GitDeps} from '../../../reconciler/receive/deps.ts';
import {PushSessions} from '../../../reconciler/receive/sessions.ts';
import type {ImageDigest} from '../../../schemas/ids.ts';
import {ADA, temporaryFolder} from '../checkout/support.ts';

/** What receiving needs, without servers: a build that works at once, and a node on which everything is healthy unless told otherwise. */
export async function gitDeps(t: ExecutionContext, {repo, ...given}: {repo: FollowedRepo} & Partial<GitDeps>): Promise<GitDeps> {
  const root = await temporaryFolder(t);
  return {
    repo,
    layout: layoutOf(root),
    node: {
      settings: {data: root, node: 'one', domain: 'flynn.test', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 0, dnsPort: 0, cluster: {kind: 'own'}},
      wake: () => {},
      converged: async (_app, _onProgress, signal) => ({result: 'healthy', commit: (await repo.snapshot(signal)).commit, urls: []}),
    },
    build: async () => ({ok: true, value: {image: `sha256:${'a'.repeat(64)}` as ImageDigest, commands: {web: ['node', 'server.js']}, builder: 'Node.js', sizeBytes: 1}}),
    authenticate: createAuthenticate({token: 'secret', operator: ADA}),
    check: commitCheck({domain: () => 'flynn.test'}),
    pushes: new PushSessions(),
    log: (message, error) => t.log(message, error),
    ...given,
  };
}
