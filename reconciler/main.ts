import {chmod, mkdir, readFile, rm} from 'node:fs/promises';
import {flushCompileCache} from 'node:module';
import {cpus, totalmem} from 'node:os';
import {setTimeout as pause} from 'node:timers/promises';
import {makeStackImages} from '../buildpacks/stack/images.ts';
import type {AppName, CommitId} from '../schemas/ids.ts';
import {formatDiagnostic} from '../schemas/diagnostic.ts';
import {portRange} from '../schemas/router.ts';
import {keepAcceptQueues} from './adapters/accept-queues.ts';
import {anySignal} from './any-signal.ts';
import {AppIds} from './app-ids.ts';
import {connectDocker} from './adapters/docker-client.ts';
import {DockerEngine} from './adapters/docker.ts';
import type {Engine} from './adapters/engine.ts';
import {hostSubnets} from './adapters/host-routes.ts';
import {createAuthenticate, createTellExpiry, principalOfKey} from './api/authenticate.ts';
import {Logins} from './api/logins.ts';
import {createLocalServer, createServer} from './api/server.ts';
import {UsedKeys} from './api/used-keys.ts';
import type {World} from './apply/executors.ts';
import {followSources} from './wiring/app-sources.ts';
import {CronBooks} from './apply/cron-books.ts';
import {Journal} from './apply/journal.ts';
import {Operations, type Outcome} from './apply/operations.ts';
import {PushedBook} from './apply/pushed-book.ts';
import {prepareRouterFiles} from './apply/router.ts';
import {prepareTcpFiles} from './apply/tcp.ts';
import {prepareCertificateFiles} from './apply/certificates.ts';
import {Canaries} from './wiring/canaries.ts';
import {Certificates} from './wiring/certificates.ts';
import {confirmDelete, isDeleteConfirmed} from './checkout/confirm.ts';
import {followedRepo} from './checkout/followed.ts';
import {DesiredReader} from './wiring/desired-reader.ts';
import {followForge} from './wiring/forge.ts';
import {NamedCronBooks, NamedJournal} from './wiring/named-books.ts';
import {metricsDesk} from './wiring/metrics.ts';
import {NodeLogs} from './wiring/node-logs.ts';
import type {Layout} from './layout.ts';
import {Housekeeper} from './wiring/housekeeping.ts';
import {ImageSupply} from './wiring/image-supply.ts';
import {Loop, type PassReport} from './loop.ts';
import {saveMemory} from './wiring/memory.ts';
import {watchFiles} from './adapters/watch-files.ts';
import {EngineObserver} from './observed/engine-observer.ts';
import {Prober} from './observed/prober.ts';
import {PortDesk} from './wiring/port-desk.ts';
import {shiftsIn} from './observed/shifts.ts';
import {probeContainer} from './wiring/probe-container.ts';
import {identityTokens} from './wiring/identity-tokens.ts';
import {connectRouter} from './wiring/router-world.ts';
import {systemOf} from './router/containers.ts';
import {Keyring} from './secrets/keyring.ts';
import {instanceOf, secureUrlOf, urlOf, type NodeSettings} from './settings.ts';
import {cronEvents} from './status/cron.ts';
import {EventLog} from './status/events.ts';
import {describe} from './plan/format.ts';
import {BuildMinutes} from './builds/minutes.ts';
import {quotaDesk} from './wiring/quota-desk.ts';
import {CommitTrust} from './wiring/commit-trust.ts';
import {ensureNodeKey} from './signatures/node-key.ts';
import {commitCheck} from './receive/check.ts';
import {OneShotActions} from './oneshot/actions.ts';
import {AuditLog} from './oneshot/audit.ts';
import {ExecNotes} from './oneshot/exec-notes.ts';
import {Restarts} from './oneshot/restarts.ts';
import {buildsAndDeploys, receivePushes} from './wiring/receiver.ts';
import {Registry} from './wiring/registry.ts';
import {releasesOf} from './wiring/releases.ts';
import {deployerOf, proposalDesk} from './wiring/proposals.ts';
import {PostdeployNotes} from './receive/postdeploy-notes.ts';
import type {ProposalDesk} from './proposals/desk.ts';
import {SshDoor} from './wiring/ssh-door.ts';
import {SshLogins} from './wiring/ssh-logins.ts';
import {stackDesk} from './wiring/stack-desk.ts';
import {View} from './wiring/view.ts';
import {AppVolumes} from './volumes/volumes.ts';

export interface NodeOptions {
  readonly settings: NodeSettings;
  readonly layout: Layout;
  /** One line for people, without newline. */
  readonly print: (line: string) => void;
}

/** Bytes of log that one container may keep, in each of two files, until cluster.yaml has been read. */
const LOG_BYTES_DEFAULT = 10 * 1024 * 1024;
/** At the end: a disk that is full does not keep us from ending. */
const WRITE_MS_MAX = 2_000;

/**
 * Runs this node until the signal is aborted: puts the parts together, and nothing else. Apps, router and DNS go on
 * running afterwards. Rejects when the node can't start.
 */
export async function runNode({settings, layout, print}: NodeOptions, outer: AbortSignal): Promise<void> {
  saveMemory();
  const stopping = new AbortController();
  const signal = anySignal([outer, stopping.signal]);
  const instance = instanceOf(settings.data);
  const docker = connectDocker();
  const stack = await makeStackImages({docker, print}, signal);
  const events = await EventLog.open(layout.events);
  events.listen(({at, app, message}) => print(`${at.slice(11, 19)} ${app === undefined ? '' : `${app}: `}${message}`), signal);

  await prepareRouterFiles({settings, layout}, signal);
  await prepareTcpFiles({settings, layout}, signal);
  await keepAcceptQueues();
  await prepareCertificateFiles(layout);
  await rm(layout.scratch, {recursive: true, force: true});
  await mkdir(layout.scratch, {recursive: true, mode: 0o700});
  const keyring = new Keyring(layout.age);
  const {router, observer: routerObserver, tcpObserver, figures} = connectRouter({settings, layout, secrets: keyring, isTcpWanted: () => reader.hasTcpRoutes});
  const {systemSpec, system} = systemOf({settings, layout, image: await imageIdOf(docker, stack.router), instance});
  const ids = new AppIds();
  const journal = new NamedJournal(await Journal.open(layout.journal, (file, cause) => events.add({kind: 'journal-broken', message: `${file} can't be read and was put aside: ${String(cause)}`})), ids);
  const crons = new NamedCronBooks(await CronBooks.open(layout.crons, (file, cause) => events.add({kind: 'journal-broken', message: `${file} can't be read and was put aside: ${String(cause)}`})), ids);
  const domain = () => domainOverride(settings) ?? reader.cluster?.domain ?? settings.domain;
  const check = commitCheck({domain, keyring});
  const key = await ensureNodeKey(layout.signingKey);
  const repo = followedRepo({layout, source: settings.cluster, check, sign: key.sign});
  const trust = new CommitTrust({repo, gitdir: layout.clusterRepo, key, isFolder: settings.cluster.kind === 'folder'});
  const reader = new DesiredReader({domain: domainOverride(settings), system, keyring, ids, machine: {node: settings.node, memoryBytes: totalmem(), cpus: cpus().length}, served: () => [...journal.records.values()].flatMap(({lastGood}) => lastGood ?? [])});

  const ssh = await SshDoor.open({settings, layout, events, access: () => reader.access});

  const engineDirect = new DockerEngine(docker);
  const wake = () => void loop.wake();
  const prober = new Prober({probe: probeContainer(engineDirect), onChange: wake, signal});
  // An identity that is put back helps at once; without events the next pass finds it.
  watchFiles({paths: [layout.age], onError: () => {}}, wake, signal);
  const building = new Set<string>();
  const engineObserver = new EngineObserver({engine: engineDirect, instance, prober, hostSubnets, isBuilding: (id) => building.has(id), ids, isAttended: (name) => oneShot.isAttended(name)});
  const logs = await NodeLogs.open({engine: engineDirect, layout, events, node: settings.node, ids, cluster: () => reader.cluster, openSecret: (sealed) => keyring.open(sealed)}, signal);
  const engine = noticing(engineDirect, engineObserver, (id) => logs.beforeRemoval(id));
  const housekeeper = new Housekeeper({docker, instance, layout, minFreeBytes: () => reader.cluster?.builds.minFreeBytes ?? 0, isBuilding: (id) => building.has(id), ids, proposedImages: () => (proposals ?? forge.proposals).proposedImages(), wake});
  const pushed = await PushedBook.open(layout.pushed, (file, cause) => events.add({kind: 'registry-broken', message: `${file} can't be read and was put aside: ${String(cause)}`}));
  const registry = new Registry({docker, instance, ids, book: pushed, settings: () => reader.cluster?.registry, openSecret: (sealed) => keyring.open(sealed)});
  const images: ImageSupply = new ImageSupply({docker, instance, registry, idOf: (app) => ids.idOf(app), build: (source, until) => rebuild(source, until), nowMs: () => Date.now(), tell: (app, message) => events.add({app, kind: 'image-replaced', message, actor: 'flynn'})});
  const certificates = new Certificates({settings, layout, engine: engineDirect, events, openSecret: (sealed) => keyring.open(sealed), directory: () => reader.directory, wake});
  const world: World = {
    engine, journal, crons, router, systemSpec, instance, leftovers: housekeeper.leftovers, images, registry, certificates: certificates.executors,
    openEnv: (sealed) => keyring.openEnv(sealed),
    get logBytesMax() {
      return reader.cluster?.logBytesMax ?? LOG_BYTES_DEFAULT;
    },
  };
  const operations = new Operations({
    world,
    signal,
    onDone: (outcome) => {
      for (const event of toEvents(outcome)) events.add({...event, actor: 'flynn', ...(lastCommit !== undefined && {commit: lastCommit})});
      wake();
    },
  });

  const log = (message: string, error: unknown) => events.add({kind: 'error', message: `${message}: ${error instanceof Error ? error.message : String(error)}`});
  const audit = new AuditLog(layout.audit);
  const sshLogins = new SshLogins({engine: engineDirect, audit, log}, signal);
  const restarts = await Restarts.open(layout.restarts, (file, cause) => events.add({kind: 'restarts-broken', message: `${file} can't be read and was put aside: ${String(cause)}`}));
  const oneShot: OneShotActions = new OneShotActions({
    docker, engine, world, audit, restarts, execNotes: new ExecNotes(layout.execs), wake, log,
    seen: (until) => view.seen(until),
    act: (action) => operations.act(action),
  });

  const canaries = new Canaries({journal: () => journal.records, figures: (app, spec, sinceMs) => logs.requests.figures(app, spec, sinceMs), wake});

  let lastCommit: CommitId | undefined;
  let lastHeld = '';
  const loop: Loop = new Loop({
    repo,
    reader,
    operations,
    trusted: (tip, until) => trust.newest(tip, until),
    adjusted: (desired) => ssh.applied(restarts.applied(desired)),
    look: async (nowMs, until) => {
      // Which Caddy is to be asked, the engine knows.
      const seenContainers = await engineObserver.look(nowMs, until);
      await ssh.look(seenContainers.system);
      sshLogins.see(seenContainers.system);
      const shifts = shiftsIn(seenContainers.system);
      const [seenRouter, tcp, clutter, certified] = await Promise.all([routerObserver.observe(nowMs, shifts, until), tcpObserver.observe(nowMs, {isPaused: shifts.paused?.includes('tcp') ?? false}, until), housekeeper.look(nowMs, until), certificates.observer.observe(nowMs, until)]);
      return {nowMs, ...seenContainers, router: seenRouter, tcp, clutter, journal: journal.records, crons: crons.books, canaries: canaries.look(), lostImages: images.look(), ...registry.look(), ...(certified && {certificates: certified})};
    },
    isRouterAsLeft: async (until) => await routerObserver.isAsLeft(until) && await tcpObserver.isAsLeft(until) && certificates.observer.isAsLeft(),
    knownApps: () => [...journal.records.values()].filter(({goneAtMs}) => goneAtMs === undefined).map(({app}) => app),
    isDeleteConfirmed: async (commit, until) => isDeleteConfirmed(layout.clusterRepo, {commit, applied: await repo.lastApplied(until)}, until),
    onNewCommit: ({commit, author, subject}) => {
      engineObserver.invalidateImages();
      lastCommit = commit;
      events.add({kind: 'commit', message: `applying main@sha1:${commit}`, commit, ...(subject !== undefined && {reason: subject}), ...(author !== undefined && {actor: author})});
    },
    onPass: (report) => {
      const held = report.held?.message ?? '';
      if (held !== lastHeld) events.add(held === '' ? {kind: 'recovered', message: 'the newest commit is followed again'} : {kind: 'held', message: held});
      lastHeld = held;
      invalidApps(report).forEach(tellOnce);
      logs.see(report);
      housekeeper.onPass(report);
      certificates.see(report);
      tellOfDisk(housekeeper.diskProblem());
      view.publish(report);
      forge.see(report);
      if (report.seen === undefined) return;
      sources.see(report.seen.desired.apps);
      ports.see(report.seen.desired, report.seen.observed, signal);
    },
  });
  let isDiskLow = false;
  const tellOfDisk = (problem: string | undefined) => {
    if (isDiskLow !== (problem !== undefined)) events.add({kind: problem === undefined ? 'disk-enough' : 'disk-low', message: problem ?? 'there is enough free disk for builds again'});
    isDiskLow = problem !== undefined;
  };
  const told = new Map<AppName, string>();
  const tellOnce = ({app, message}: {app: AppName; message: string}) => {
    if (told.get(app) === message) return;
    told.set(app, message);
    if (message !== '') events.add({app, kind: 'invalid', message});
  };
  const postdeploys = new PostdeployNotes(layout.postdeploys);
  const deployer = deployerOf({layout, ids, repo, keepReleases: () => reader.cluster?.keep.releases, postdeploys, node: {oneShot, wake: (reason) => view.wake(reason), converged: (...asked) => view.converged(...asked)}, noteBuild: (app, line) => logs.noteBuild(app, line), log}, signal);
  const proposals: ProposalDesk | undefined = settings.cluster.kind === 'own' ? proposalDesk({layout, repo, check, deployer, events, access: () => reader.access, keepReleases: () => reader.cluster?.keep.releases, areCommitsSigned: () => trust.state.isRequired, wake: (reason) => view.wake(reason), log}, signal) : undefined;
  const forge = followForge({settings, layout, repo, reader, keyring, events, deployer, log, domain, urlOf: (host) => (certificates.isRedirected(host) ? secureUrlOf : urlOf)(host, settings)}, signal);
  const minutes = await BuildMinutes.open(layout.buildMinutes, log);
  const quota = quotaDesk({minutes, idOf: (app) => ids.idOf(app), quotas: () => reader.quotas, apps: () => reader.apps});
  const {builds, deploys, deployDesk, rebuild} = buildsAndDeploys({
    view: {settings, oneShot, wake: (reason) => view.wake(reason), converged: (...asked) => view.converged(...asked)},
    repo, layout, ids, docker, instance, stack, building, log,
    registry, postdeploys, proposals: proposals ?? forge.releases,
    quota: {problem: (app) => quota.buildProblem(app), spent: (app, ms) => minutes.add(app, ms, Date.now())},
    cacheBytesMax: () => reader.cluster?.builds.cacheBytes,
    tell: (app, message) => events.add({app, kind: 'postdeploy', message, actor: 'flynn'}),
    noteBuild: (app, line) => logs.noteBuild(app, line),
  }, signal);
  const ports = new PortDesk({repo, events, range: () => reader.cluster?.tcpPorts ?? portRange()});
  const sources = followSources({layout, ids, keyring, deploys, events}, signal);
  const metrics = metricsDesk({traffic: logs.traffic, connections: logs.connections, replicaAt: (address) => logs.replicaAt(address), sinceMs: Date.now(), ...figures});
  const releases = (node: View) => releasesOf({docker, instance, stack, repo, layout, ids, registry, proposals: proposals ?? forge.releases, node, log}, signal);
  const view: View = new View({settings, releases, proposals: proposals ?? forge.proposals, stack: stackDesk({docker, instance, stack}), registry: () => registry.state(), builds, deploys: deployDesk, repo, keyring, loop, engine, events, crons, oneShot, audit, canaries, volumes: new AppVolumes({docker, instance, image: stack.run, repo, ids}), housekeeping: housekeeper, sources, forge: forge.desk, metrics, certificates, quota, ssh: () => ssh.answer(), drains: () => logs.drains(), logs: (query, until) => logs.read(query, until), confirm: ({reason, commit}, until) => (reason === 'MassDelete' ? confirmDelete(layout.clusterRepo, commit, until) : repo.markApplied(commit, until)), signing: () => trust.state, clusterName: () => reader.cluster?.name ?? instance, domain});

  const operator = {name: 'operator', email: `operator@${settings.node}`};
  const tokens = identityTokens(() => reader.access, signal);
  const authenticate = createAuthenticate({token: (await readFile(layout.token, 'utf8')).trim(), operator, access: () => reader.access, claims: (token) => tokens.claims(token)});
  const logins = new Logins({authenticate, tellExpiry: createTellExpiry({access: () => reader.access}), audit, settings, identityTokens: tokens});
  const server = createServer({view, authenticate, logins, identityTokens: tokens, used: new UsedKeys({file: layout.usedKeys, log}), log});
  const local = createLocalServer({view, log});
  receivePushes({server, local, view, repo, layout, ids, deploys, logins, authenticateKey: (fingerprint) => principalOfKey(fingerprint, reader.access), check, unsignedIn: (range, until) => trust.refusalOf(range, until), log, ...(proposals && {proposals})});

  try {
    await rm(layout.socket, {force: true});
    await server.listen({host: '127.0.0.1', port: settings.apiPort});
    await local.listen({path: layout.socket});
    await chmod(layout.socket, 0o600);
    const running = Promise.all([
      loop.run(signal),
      oneShot.endAbandonedExecs(),
      registry.watch(signal),
      forge.run(signal),
      engineObserver.watch(wake, (state) => {
        if (state.isUp) events.add({kind: 'engine-back', message: 'the engine answers again'});
        else events.add({kind: 'engine-lost', message: `the engine is gone: ${state.error instanceof Error ? state.error.message : String(state.error)}`});
      }, signal),
    ]);
    // Kept now, not at the end: a node may be killed, and the next start is to be as quick.
    flushCompileCache();
    await running;
  } finally {
    stopping.abort();
    await Promise.all([server.close(), local.close()]);
    repo.close();
    trust.close();
    await Promise.race([Promise.all([logs.written(), events.written()]), pause(WRITE_MS_MAX, undefined, {ref: false})]);
    await rm(layout.socket, {force: true});
  }
}

/**
 * The domain that apps get theirs from. Our own repository's cluster.yaml says it; a repository that this node only follows
 * may have been made for another domain, and then the node's counts.
 */
function domainOverride({cluster, domain}: NodeSettings): string | undefined {
  return cluster.kind === 'own' ? undefined : domain;
}

/** The same engine; but what we change ourselves is looked at again without waiting for its event. */
function noticing(engine: DockerEngine, observer: EngineObserver, beforeRemoval: (id: string) => Promise<void>): Engine {
  const notice = (id: string) => observer.invalidate(id);
  return {
    containers: (labels, signal) => engine.containers(labels, signal),
    container: (id, signal) => engine.container(id, signal),
    images: (labels, signal) => engine.images(labels, signal),
    events: (labels, signal) => engine.events(labels, signal),
    logs: (id, options, signal) => engine.logs(id, options, signal),
    exec: (id, command, signal) => engine.exec(id, command, signal),
    networks: (signal) => engine.networks(signal),
    ensureNetwork: (spec, signal) => engine.ensureNetwork(spec, signal).finally(() => observer.invalidateNetworks()),
    connect: (id, network, signal) => engine.connect(id, network, signal).finally(() => notice(id)),
    disconnect: (id, network, signal) => engine.disconnect(id, network, signal).finally(() => notice(id)),
    removeNetwork: (id, signal) => engine.removeNetwork(id, signal).finally(() => observer.invalidateNetworks()),
    removeImage: (id, signal) => engine.removeImage(id, signal),
    run: async (spec, signal) => {
      try {
        const id = await engine.run(spec, signal);
        notice(id);
        return id;
      } catch (error) {
        observer.invalidate();
        throw error;
      }
    },
    stop: (id, graceMs, signal) => engine.stop(id, graceMs, signal).finally(() => notice(id)),
    send: (id, name, signal) => engine.send(id, name, signal),
    setRestart: (id, restart, signal) => engine.setRestart(id, restart, signal).finally(() => notice(id)),
    remove: (id, signal) => beforeRemoval(id).then(() => engine.remove(id, signal)).finally(() => notice(id)),
  };
}

/** None: it is no news. */
function toEvents(outcome: Outcome): readonly {readonly app?: AppName; readonly kind: string; readonly message: string; readonly reason?: string}[] {
  const {action} = outcome;
  if (action.kind === 'write-cron' && outcome.result === 'done') return cronEvents(action);
  const message = outcome.result === 'done' ? `${describe(action)} (${action.reason})` : `${describe(action)} failed: ${outcome.error.message}`;
  return [{kind: outcome.result === 'done' ? action.kind : 'failed', message, reason: action.reason, ...(action.app !== undefined && {app: action.app})}];
}

function invalidApps({seen}: PassReport): readonly {app: AppName; message: string}[] {
  return (seen?.desired.apps ?? []).map((app) => ({app: app.name, message: app.state === 'invalid' ? app.problems.map(formatDiagnostic).join('\n') : ''}));
}

async function imageIdOf(docker: ReturnType<typeof connectDocker>, tag: string): Promise<string> {
  return (await docker.getImage(tag).inspect()).Id;
}
