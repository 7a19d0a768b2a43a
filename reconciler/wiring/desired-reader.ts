import {appIdOf} from '../../schemas/app-id.ts';
import type {AppId, AppName, TreeId} from '../../schemas/ids.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {registryPrefix} from '../../schemas/registry-names.ts';
import type {AppPiece, Snapshot} from '../checkout/snapshot.ts';
import {accessOf, NOBODY, type Access} from '../access/access.ts';
import type {AppIds} from '../app-ids.ts';
import {appsInConflict, combine, type Served} from '../desired/combine.ts';
import {resolveApp} from '../desired/app.ts';
import {resolveCluster, type ClusterConfig} from '../desired/cluster.ts';
import {sortFolder} from '../desired/folder.ts';
import {capacitiesOf, type Machine, type NodeCapacity} from '../desired/nodes.ts';
import {NO_QUOTAS, quotasOf, type Quotas} from '../desired/quotas.ts';
import {sealedIn} from '../desired/secrets.ts';
import type {DesiredTls} from '../desired/certificates-state.ts';
import type {DesiredApp, DesiredState, DesiredSystem} from '../desired/state.ts';
import {resolveTls, sealedKeysIn} from '../desired/tls.ts';
import type {Running} from '../desired/within-quota.ts';
import type {Keyring} from '../secrets/keyring.ts';

/** Apps read at once: reading is one process's pipe, so more only fills the memory. */
const READ_PARALLEL_MAX = 16;

/** What a commit wants, with everything that did not change since the last one taken from there: cost follows the change. */
export class DesiredReader {
  readonly #domain: string | undefined;
  readonly #system: readonly DesiredSystem[];
  readonly #machine: Machine;
  #nodes: readonly NodeCapacity[] = [];
  readonly #keyring: Pick<Keyring, 'stamp' | 'inspect'> | undefined;
  readonly #served: () => readonly Served[];
  readonly #ids: Pick<AppIds, 'see'> | undefined;
  /** State of the node's identities that the apps were resolved with. */
  #stamp: string | undefined;
  /** Apps with secrets: what becomes of them depends on the node's identities. */
  readonly #withSecrets = new Set<AppName>();
  #sharedTree: TreeId | undefined;
  #cluster: ClusterConfig | undefined;
  #tls: {readonly sharedTree: TreeId; readonly stamp: string | undefined; readonly tls: DesiredTls | undefined} | undefined;
  #access: Access = NOBODY;
  #quotas: Quotas = NO_QUOTAS;
  #apps = new Map<AppName, DesiredApp>();
  #last: DesiredState | undefined;

  /**
   * `domain` overrides cluster.yaml's, for a node that follows a repository made for another domain. Without a keyring nobody tries to open
   * secrets, as in a test or a preview. `served`: what apps are known to have served last, which tells the older of two claims. `ids` hears of all apps.
   */
  constructor({domain, system, machine, keyring, served = () => [], ids}: {domain: string | undefined; system: readonly DesiredSystem[]; machine: Machine; keyring?: Pick<Keyring, 'stamp' | 'inspect'>; served?: () => readonly Served[]; ids?: Pick<AppIds, 'see'>}) {
    this.#domain = domain;
    this.#system = system;
    this.#machine = machine;
    this.#keyring = keyring;
    this.#served = served;
    this.#ids = ids;
  }

  get cluster(): ClusterConfig | undefined {
    return this.#cluster;
  }

  /** Of the authority that is asked for certificates. */
  get directory(): string | undefined {
    return this.#tls?.tls?.acme?.directory;
  }

  /** Who may do what, by the applied commit. People whose files are wrong there are nobody: a push of such files is refused. */
  get access(): Access {
    return this.#access;
  }

  get quotas(): Quotas {
    return this.#quotas;
  }

  /** As the last commit wants them. */
  get apps(): readonly DesiredApp[] {
    return this.#last?.apps ?? [];
  }

  /** True also as long as nothing was read. */
  get hasTcpRoutes(): boolean {
    return this.#last?.apps.some((app) => app.state === 'invalid' || app.tcp !== undefined) ?? true;
  }

  /** Rejects when cluster.yaml or the node's own manifest is wrong, with every problem, or when something can't be read. */
  async read(snapshot: Snapshot, signal: AbortSignal): Promise<DesiredState> {
    const stamp = await this.#keyring?.stamp();
    if (this.#last?.commit === snapshot.commit && this.#stamp === stamp) return this.#last;
    if (this.#stamp !== stamp) for (const app of this.#withSecrets) this.#apps.delete(app);
    this.#stamp = stamp;
    if (this.#sharedTree !== snapshot.shared.treeId || this.#cluster === undefined) {
      const shared = await snapshot.shared.files(signal);
      const resolved = resolveCluster(shared);
      if (!resolved.ok) throw new Error(`cluster.yaml of commit ${snapshot.commit.slice(0, 8)} is wrong:\n${resolved.problem.map(formatDiagnostic).join('\n')}`);
      const nodes = capacitiesOf(shared, [this.#machine]);
      if (!nodes.ok) throw new Error(`a node of commit ${snapshot.commit.slice(0, 8)} is wrong:\n${nodes.problem.map(formatDiagnostic).join('\n')}`);
      this.#nodes = nodes.value;
      this.#cluster = resolved.value;
      this.#access = accessOf(shared).access;
      this.#quotas = quotasOf(shared).quotas;
      this.#sharedTree = snapshot.shared.treeId;
      this.#apps = new Map();
    }
    const cluster: ClusterConfig = this.#cluster;
    const tls = await this.#resolveTls(snapshot, cluster, signal);
    const stale = snapshot.apps.filter(({name, treeId}) => this.#apps.get(name)?.treeId !== treeId);
    const fresh = new Map<AppName, DesiredApp>();
    for (let start = 0; start < stale.length; start += READ_PARALLEL_MAX) {
      const some = stale.slice(start, start + READ_PARALLEL_MAX);
      for (const app of await Promise.all(some.map((piece) => this.#resolve(piece, cluster, signal)))) fresh.set(app.name, app);
    }
    this.#apps = new Map(snapshot.apps.flatMap(({name}): [AppName, DesiredApp][] => {
      const app = fresh.get(name) ?? this.#apps.get(name);
      return app === undefined ? [] : [[name, app]];
    }));
    const served = this.#served();
    const apps = [...this.#apps.values()].map((app) => withKnownId(app, served));
    const rivals = appsInConflict(apps, served);
    const texts = await Promise.all(snapshot.apps.filter(({name}) => rivals.has(name)).map(async (piece) => [piece.name, {name: piece.name, treeId: piece.treeId, files: await piece.files(signal)}] as const));
    const desired = combine(snapshot.commit, apps, {system: this.#system, keptImages: cluster.keep.images, networks: cluster.networks, ...(cluster.registry && {registry: registryPrefix(cluster.registry)}), ...(cluster.trustedProxies && {trustedProxies: cluster.trustedProxies}), nodes: this.#nodes, me: this.#machine.node, quotas: this.#quotas, running: runningIn(apps, [...served, ...this.#last?.apps ?? []]), served, texts: new Map(texts), ...(tls && {tls})});
    this.#last = desired;
    this.#ids?.see(desired.apps);
    return desired;
  }

  /** Anew when a file outside of `apps/` has changed, or what this node can open. */
  async #resolveTls({shared}: Snapshot, cluster: ClusterConfig, signal: AbortSignal): Promise<DesiredTls | undefined> {
    if (this.#tls?.sharedTree !== shared.treeId || this.#tls.stamp !== this.#stamp) {
      const files = await shared.files(signal);
      const opened = await this.#keyring?.inspect(sealedKeysIn(files));
      this.#tls = {sharedTree: shared.treeId, stamp: this.#stamp, tls: resolveTls(cluster.tls, files, {domain: this.#domain ?? cluster.domain, opened})};
    }
    return this.#tls.tls;
  }

  async #resolve(piece: AppPiece, cluster: ClusterConfig, signal: AbortSignal): Promise<DesiredApp> {
    const files = await piece.files(signal);
    const sealed = sealedIn(sortFolder(piece.name, files).secrets);
    if (sealed.length > 0) this.#withSecrets.add(piece.name);
    else this.#withSecrets.delete(piece.name);
    const opened = await this.#keyring?.inspect(sealed);
    return resolveApp({name: piece.name, treeId: piece.treeId, files, ...(opened !== undefined && {opened})}, cluster, this.#domain ?? cluster.domain);
  }
}

/** Of an app without an app.yaml that can be read, only what was known of it before says what it goes by. */
function withKnownId(app: DesiredApp, served: readonly Served[]): DesiredApp {
  if (app.state === 'resolved' || app.id !== undefined) return app;
  const {id} = served.find(({name}) => name === app.name) ?? {};
  return id === undefined ? app : {...app, id};
}

/** By what is known to have served, or the state before: there an app may have had another name. */
function runningIn(apps: readonly DesiredApp[], before: readonly (Served | DesiredApp)[]): Running {
  const ids = new Map<string, AppId>(apps.map((app) => [app.name, appIdOf(app)]));
  const known = new Map(before.flatMap((app) => ('services' in app && app.services !== undefined ? [[appIdOf(app), app.services] as const] : [])));
  return (app, service) => known.get(ids.get(app) ?? appIdOf({name: app as AppName}))?.find(({name}) => name === service);
}
