import {mkdir, rm} from 'node:fs/promises';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {execa} from 'execa';
import {fastify} from 'fastify';
import {AppIds} from '../../reconciler/app-ids.ts';
import {createAuthenticate, principalOfKey} from '../../reconciler/api/authenticate.ts';
import {Logins} from '../../reconciler/api/logins.ts';
import {accessOf} from '../../reconciler/access/access.ts';
import type {Build} from '../../reconciler/build/build.ts';
import {createOwnRepo, ownRepo} from '../../reconciler/checkout/own.ts';
import {layout as layoutOf} from '../../reconciler/layout.ts';
import type {ManifestFile} from '../../reconciler/checkout/snapshot.ts';
import type {NodeView} from '../../reconciler/node.ts';
import {AuditLog} from '../../reconciler/oneshot/audit.ts';
import {commitCheck} from '../../reconciler/receive/check.ts';
import {Deploys} from '../../reconciler/receive/deploys.ts';
import type {GitDeps} from '../../reconciler/receive/deps.ts';
import {GitDoor} from '../../reconciler/receive/git-door.ts';
import {registerGit} from '../../reconciler/receive/register-git.ts';
import {registerHooks} from '../../reconciler/receive/register-hooks.ts';
import {registerSsh} from '../../reconciler/receive/register-ssh.ts';
import {prepareSsh} from '../../reconciler/ssh/prepare.ts';
import {PostdeployNotes} from '../../reconciler/receive/postdeploy-notes.ts';
import {PushSessions} from '../../reconciler/receive/sessions.ts';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {NO_REGISTRY} from './no-registry.ts';
import type {ImageDigest} from '../../schemas/ids.ts';
import {buildService, NOTHING_RUNS} from '../reconciler/receive/support.ts';
import {ADA, commitFiles, run, temporaryFolder} from '../reconciler/checkout/support.ts';

export const MANIFESTS = {
  'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\n',
  'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv:\n  GREETING: hello\n',
};

export interface Line {
  readonly text: string;
  readonly atMs: number;
}

/** How a real `git push` ended, and what its user saw, when. */
export interface Pushed {
  readonly exitCode: number | undefined;
  readonly lines: readonly Line[];
  readonly output: string;
}

/** A real git server with a real cluster repository, in front of a build and a node that are told what to do. */
export async function pushServer(t: Pick<ExecutionContext, 'teardown'>, {build, converged, root: given, people = []}: {build?: Build; converged?: NodeView['converged']; root?: string; people?: readonly ManifestFile[]} = {}) {
  const root = given ?? await temporaryFolder(t);
  const layout = layoutOf(root);
  await createOwnRepo({gitdir: layout.clusterRepo, files: MANIFESTS, author: ADA}, AbortSignal.timeout(120_000));
  const check = commitCheck({domain: () => 'flynn.test'});
  const repo = ownRepo({gitdir: layout.clusterRepo, check});
  const wakes: string[] = [];
  const errors: unknown[] = [];
  const settings: NodeSettings = {data: root, node: 'one', domain: 'flynn.test', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 0, dnsPort: 0, sshPort: 0, cluster: {kind: 'own'}};
  const log = (_message: string, error: unknown) => errors.push(error);
  const node = {settings, wake: (reason: string) => wakes.push(reason), converged: converged ?? healthy(repo), oneShot: NOTHING_RUNS};
  const builds = buildService({layout, log}, build ?? (async () => ({ok: true, value: IMAGE})));
  const audit = new AuditLog(layout.audit);
  const deps: GitDeps = {
    layout, ids: new AppIds(), repo, check, node, log,
    deploys: new Deploys({repo, node, builds, registry: NO_REGISTRY, proposals: undefined, postdeploys: new PostdeployNotes(layout.postdeploys), log}),
    logins: new Logins({authenticate: createAuthenticate({token: 'secret', operator: ADA}), audit, settings}),
    authenticateKey: (fingerprint) => principalOfKey(fingerprint, accessOf(people).access),
    unsignedIn: async () => [],
    pushes: new PushSessions(),
    audit,
  };
  await prepareSsh({listen: '127.0.0.1', port: 2222}, layout);
  const server = fastify({forceCloseConnections: true});
  const local = fastify({forceCloseConnections: true});
  const door = new GitDoor(deps);
  registerGit(server, deps, door);
  registerSsh(local, deps, door);
  registerHooks(local, deps);
  await server.listen({host: '127.0.0.1', port: 0});
  await mkdir(layout.run, {recursive: true});
  // A reconciler that was killed leaves it behind.
  await rm(layout.socket, {force: true});
  await local.listen({path: layout.socket});
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  t.teardown(async () => {
    await Promise.all([server.close(), local.close()]);
    repo.close();
  });
  const url = (name: string, user = 'Ada <ada@example.com>') => `http://${encodeURIComponent(user)}:secret@127.0.0.1:${port}/${name}.git`;
  return {layout, repo, wakes, errors, port, url, server, local, builds};
}

/** An image that a build made, with one service. */
export const IMAGE = {image: `sha256:${'a'.repeat(64)}` as ImageDigest, commands: {web: ['node', 'server.js']}, builder: 'Node.js', sizeBytes: 1};

/** A node on which everything works at once. */
export function healthy(repo: {snapshot: NodeView['repo']['snapshot']}): NodeView['converged'] {
  return async (app, onProgress, signal) => {
    onProgress('web [1/1] up');
    return {result: 'healthy', commit: (await repo.snapshot(signal)).commit, urls: [`http://${app}.flynn.test/`]};
  };
}

/** A work tree of an app's source with one commit. */
export async function sourceTree(t: Pick<ExecutionContext, 'teardown'>, files: Readonly<Record<string, string>> = {'server.js': '// one\n'}): Promise<string> {
  const folder = path.join(await temporaryFolder(t), 'source');
  await run('/', 'init', '--quiet', '--initial-branch=main', '--', folder);
  await commitFiles(folder, files);
  return folder;
}

/** A real push. `onLine` sees each line of its user's terminal as it comes. */
export async function push(folder: string, args: readonly string[], {onLine, signal}: {onLine?: (text: string) => void; signal?: AbortSignal} = {}): Promise<Pushed> {
  const child = execa('git', ['push', ...args], {
    cwd: folder, all: true, reject: false, stdin: 'ignore',
    env: {GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0'},
    ...(signal === undefined ? {} : {cancelSignal: signal, killSignal: 'SIGINT', /* A terminal sends it to all of the group. */ killDescendants: true}),
  });
  const lines: Line[] = [];
  for await (const text of child.iterable({from: 'all'})) {
    const trimmed = String(text).trimEnd();
    lines.push({text: trimmed, atMs: performance.now()});
    onLine?.(trimmed);
  }
  const {exitCode} = await child;
  return {exitCode, lines, output: lines.map(({text}) => text).join('\n')};
}
