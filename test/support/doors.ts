import {createHash} from 'node:crypto';
import {mkdir} from 'node:fs/promises';
import type {AddressInfo} from 'node:net';
import type {ExecutionContext} from 'ava';
import {accessOf, type Access, type Roles} from '../../reconciler/access/access.ts';
import {AppIds} from '../../reconciler/app-ids.ts';
import {createAuthenticate} from '../../reconciler/api/authenticate.ts';
import {Logins} from '../../reconciler/api/logins.ts';
import {createLocalServer, createServer} from '../../reconciler/api/server.ts';
import {createOwnRepo, ownRepo} from '../../reconciler/checkout/own.ts';
import {layout as layoutOf} from '../../reconciler/layout.ts';
import type {NodeView} from '../../reconciler/node.ts';
import {AuditLog} from '../../reconciler/oneshot/audit.ts';
import type {AuditEntry} from '../../reconciler/oneshot/oneshot.ts';
import {commitCheck} from '../../reconciler/receive/check.ts';
import {Deploys} from '../../reconciler/receive/deploys.ts';
import type {GitDeps} from '../../reconciler/receive/deps.ts';
import {GitDoor} from '../../reconciler/receive/git-door.ts';
import {PostdeployNotes} from '../../reconciler/receive/postdeploy-notes.ts';
import {registerGit} from '../../reconciler/receive/register-git.ts';
import {registerHooks} from '../../reconciler/receive/register-hooks.ts';
import {PushSessions} from '../../reconciler/receive/sessions.ts';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {app, FakeView} from '../reconciler/api/fake-view.ts';
import {ADA, temporaryFolder} from '../reconciler/checkout/support.ts';
import {buildService, NOTHING_RUNS} from '../reconciler/receive/support.ts';
import {head} from './manifests.ts';
import {NO_REGISTRY} from './no-registry.ts';
import {healthy, IMAGE} from './push-server.ts';

/** Everybody's roles. His token is his name. */
export const PEOPLE: Readonly<Record<string, string>> = {
  non: '',
  vic: 'role: viewer\n',
  dee: 'role: deployer\n',
  max: 'role: maintainer\n',
  ada: 'role: admin\n',
  'shop-vic': 'apps: {shop: viewer}\n',
  'shop-dee': 'apps: {shop: deployer}\n',
  'shop-max': 'apps: {shop: maintainer}\n',
};

export const OPERATOR_TOKEN = 'node-token';

export function personFile(user: string, more = PEOPLE[user] ?? ''): string {
  const hash = (token: string) => `"sha256:${createHash('sha256').update(token).digest('hex')}"`;
  return `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}tokens: {t: {hash: ${hash(user)}}, old: {hash: ${hash(`old-${user}`)}, expires: 2020-01-31}, ci: {hash: ${hash(`ci-${user}`)}, role: deployer, apps: [blog]}}\n`;
}

export const RELEASE = `${head('Release')}image: sha256:${'b'.repeat(64)}
source: {commit: "${'c'.repeat(40)}", builder: Node.js}
services: {web: {command: [node, server.js]}}
pushedBy: dee
createdAt: 2026-11-23T09:30:00Z
`;

const FILES: Readonly<Record<string, string>> = {
  'cluster.yaml': `${head('Cluster')}name: test\ndomain: flynn.test\n`,
  'apps/shop/app.yaml': `${head('App')}env:\n  GREETING: hello\nservices:\n  web:\n    replicas: 1\n`,
  'apps/shop/releases/v0001.yaml': RELEASE,
  'apps/blog/app.yaml': head('App'),
  ...Object.fromEntries(Object.keys(PEOPLE).map((user) => [`people/${user}.yaml`, personFile(user)])),
};

/** All three doors of a node (the API, pushes of apps, pushes to the cluster repository) with a real git behind them; what it runs is made up. */
export async function doors(t: Pick<ExecutionContext, 'teardown'>) {
  const layout = layoutOf(await temporaryFolder(t));
  await createOwnRepo({gitdir: layout.clusterRepo, files: FILES, author: ADA}, AbortSignal.timeout(120_000));
  const check = commitCheck({domain: () => 'flynn.test'});
  const repo = ownRepo({gitdir: layout.clusterRepo, check});
  const audit = new AuditLog(layout.audit);
  const errors: string[] = [];
  const log = (message: string, error: unknown) => errors.push(`${message}: ${String(error)}`);
  let access: Access | undefined;
  const authenticate = createAuthenticate({token: OPERATOR_TOKEN, operator: ADA, access: () => access ?? accessOf([]).access});
  /** What main says now counts from now on, as after a pass. */
  const apply = async () => {
    const signal = AbortSignal.timeout(120_000);
    access = accessOf(await (await repo.snapshot(signal)).shared.files(signal)).access;
  };
  await apply();
  // What it has of a cluster repository in memory is not asked for.
  const view = Object.assign(new FakeView(), {repo, audit}) as unknown as FakeView & NodeView;
  view.current = {...view.current, apps: [app('shop'), app('blog')]};
  const settings: NodeSettings = {data: layout.root, node: 'one', domain: 'flynn.test', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 0, dnsPort: 0, sshPort: 0, cluster: {kind: 'own'}};
  const node = {settings, wake: () => {}, converged: healthy(repo), oneShot: NOTHING_RUNS};
  const builds = buildService({layout, log}, async () => ({ok: true, value: IMAGE}));
  const logins = new Logins({authenticate, audit, settings});
  const deps: GitDeps = {
    layout, ids: new AppIds(), repo, check, node, log, logins, authenticateKey: () => undefined, audit,
    deploys: new Deploys({repo, node, builds, registry: NO_REGISTRY, proposals: undefined, postdeploys: new PostdeployNotes(layout.postdeploys), log}),
    pushes: new PushSessions(), unsignedIn: async () => [],
  };
  const server = createServer({view, authenticate, logins, log});
  const local = createLocalServer({view, log});
  registerGit(server, deps, new GitDoor(deps));
  registerHooks(local, deps);
  await server.listen({host: '127.0.0.1', port: 0});
  await mkdir(layout.run, {recursive: true});
  await local.listen({path: layout.socket});
  const {port} = server.server.address() as AddressInfo;
  t.teardown(async () => {
    await Promise.all([server.close(), local.close()]);
    repo.close();
  });
  return {
    layout, repo, server, view, port, errors, apply,
    url: (token: string, name = 'cluster') => `http://x:${token}@127.0.0.1:${port}/${name}.git`,
    rolesOf: (user: string): Roles => access?.people.get(user)?.roles ?? {cluster: undefined, apps: new Map()},
    /** Lines of the audit log, the newest last. */
    told: (): Promise<readonly AuditEntry[]> => audit.last(10_000),
    ask: async (token: string, line: string, payload?: object, headers: Readonly<Record<string, string>> = {}) => {
      const [method = 'GET', url = ''] = line.split(' ') as ['GET' | 'POST' | 'PATCH' | 'DELETE', string];
      const answer = await server.inject({method, url, headers: {authorization: `Bearer ${token}`, ...headers}, ...(payload !== undefined && {payload})});
      return {status: answer.statusCode, text: answer.body};
    },
  };
}

export type Doors = Awaited<ReturnType<typeof doors>>;
