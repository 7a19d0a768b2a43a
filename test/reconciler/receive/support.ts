import {NO_REGISTRY} from '../../support/no-registry.ts';
import type {ExecutionContext} from 'ava';
import {AppIds} from '../../../reconciler/app-ids.ts';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {Logins} from '../../../reconciler/api/logins.ts';
import type {FollowedRepo} from '../../../reconciler/checkout/repo.ts';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import type {Build, BuiltImage} from '../../../reconciler/build/build.ts';
import {BuildService} from '../../../reconciler/builds/service.ts';
import {AuditLog} from '../../../reconciler/oneshot/audit.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {Deploys, type DeployDeps} from '../../../reconciler/receive/deploys.ts';
import type {GitDeps} from '../../../reconciler/receive/deps.ts';
import {PostdeployNotes} from '../../../reconciler/receive/postdeploy-notes.ts';
import {PushSessions} from '../../../reconciler/receive/sessions.ts';
import type {ImageDigest} from '../../../schemas/ids.ts';
import {ADA, temporaryFolder} from '../checkout/support.ts';

/** What receiving needs, without servers: a build that works at once, and a node on which everything is healthy unless told otherwise. */
export async function gitDeps(t: ExecutionContext, {repo, build = buildsAtOnce, oneShot = NOTHING_RUNS, ...given}: {repo: FollowedRepo; build?: Build; oneShot?: DeployDeps['node']['oneShot']} & Partial<GitDeps>): Promise<GitDeps> {
  const root = await temporaryFolder(t);
  const layout = layoutOf(root);
  const log = (message: string, error: unknown) => t.log(message, error);
  const audit = new AuditLog(layout.audit);
  const deps = {
    repo,
    layout,
    ids: new AppIds(),
    log,
    node: {
      settings: {data: root, node: 'one', domain: 'flynn.test', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 0, dnsPort: 0, sshPort: 0, cluster: {kind: 'own'}},
      wake: () => {},
      converged: async (_app: unknown, _onProgress: unknown, signal: AbortSignal) => ({result: 'healthy', commit: (await repo.snapshot(signal)).commit, urls: []}),
    },
    check: commitCheck({domain: () => 'flynn.test'}),
    unsignedIn: async () => [],
    pushes: new PushSessions(),
    audit,
    logins: new Logins({authenticate: createAuthenticate({token: 'secret', operator: ADA}), audit, settings: {domain: 'flynn.test', httpPort: 80, httpsPort: 443}}),
    authenticateKey: () => undefined,
    ...given,
  } satisfies Omit<GitDeps, 'deploys'>;
  return {deploys: new Deploys({...deps, node: {...deps.node, oneShot}, builds: buildService(deps, build), registry: NO_REGISTRY, proposals: undefined, postdeploys: new PostdeployNotes(layout.postdeploys)}), ...deps};
}

export const IMAGE: BuiltImage = {image: `sha256:${'a'.repeat(64)}` as ImageDigest, commands: {web: ['node', 'server.js']}, builder: 'Node.js', sizeBytes: 1};

export const NOTHING_RUNS: DeployDeps['node']['oneShot'] = {run: async () => {
  throw new Error('there is no engine');
}};

const buildsAtOnce: Build = async () => ({ok: true, value: IMAGE});

/** Without an engine: there is nothing in its caches. */
export function buildService({layout, log}: Pick<GitDeps, 'layout' | 'log'>, build: Build, stopping = new AbortController().signal): BuildService {
  return new BuildService({folder: layout.builds, build, caches: {measure: async () => 0, remove: async () => {}, maxBytes: () => undefined}, log}, stopping);
}
