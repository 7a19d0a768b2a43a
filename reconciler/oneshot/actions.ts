import {randomInt} from 'node:crypto';
import {setTimeout as pause} from 'node:timers/promises';
import type Docker from 'dockerode';
import type {AppName, SpecHash} from '../../schemas/ids.ts';
import {execAttached, isExecRunning, runAttached, signalExec, type Attached} from '../adapters/docker-attach.ts';
import {entrypointOfContainer, entrypointOfImage} from '../adapters/docker-image.ts';
import type {ContainerSpec, Engine} from '../adapters/engine.ts';
import {anySignal} from '../any-signal.ts';
import {appContainerSpec, type ContainerWorld} from '../apply/replica-spec.ts';
import type {DesiredService, DesiredState} from '../desired/state.ts';
import * as labels from '../labels.ts';
import {runName} from '../observed/runs.ts';
import type {Action} from '../plan/action.ts';
import {agreedPairs, sharedNetworksOf} from '../plan/agreed.ts';
import {RUN_GRACE_MS} from '../plan/limits.ts';
import {renewalState, type RenewalState} from '../plan/renewal.ts';
import {Attendance} from './attendance.ts';
import {commandIn, execCommandIn, printOf, whyNotStarted} from './command.ts';
import {ExecNotes} from './exec-notes.ts';
import {END_GRACE_MS, FIRST_LOOK_MS_MAX, KILL_MS_MORE, RENEWAL_LOOK_MS, RUN_NUMBERS, RUNS_PER_APP_MAX, SESSIONS_MAX, START_MS_MAX} from './limits.ts';
import {type Actor, type Audit, type ExecRequest, type Killed, type NewAuditEntry, type OneShot, Refused, type ReplicaRequest, type Restarted, type RestartedReplica, type RestartRequest, type RunRequest, type Session, type StartedRun} from './oneshot.ts';
import {homeOf, type Restarts} from './restarts.ts';
import {RoomClaims} from './room-claims.ts';
import {replicaToRestart, runningNamed, servicesToRestart, serviceToRun, type Seen} from './seen.ts';

export interface OneShotParts {
  readonly docker: Docker;
  readonly engine: Pick<Engine, 'run'>;
  readonly world: ContainerWorld;
  readonly audit: Audit;
  readonly restarts: Restarts;
  readonly execNotes: ExecNotes;
  /** What the last pass saw; waits for the first one. */
  seen(signal: AbortSignal): Promise<Seen>;
  /** Carries an action out as if it had been planned; resolves when it is done. */
  act(action: Action, signal: AbortSignal): Promise<void>;
  wake(): void;
  log(message: string, error: unknown): void;
}

/** What is known of a run before it is made. */
interface Chosen {
  readonly mode: 'attached' | 'detached';
  readonly number: number;
  readonly release: number;
  readonly service: DesiredService;
  readonly seen: Seen;
}

/** Does what people ask for at once, with what the last pass saw. What is left of it is for the next pass. */
export class OneShotActions implements OneShot {
  readonly #parts: OneShotParts;
  readonly #attended: Attendance;
  readonly #claims = new RoomClaims();
  #sessions = 0;

  constructor(parts: OneShotParts) {
    this.#parts = parts;
    this.#attended = new Attendance(parts.wake);
  }

  isAttended(name: string): boolean {
    return this.#attended.has(name);
  }

  async run(request: RunRequest, signal: AbortSignal): Promise<Session> {
    const closeSession = this.#openSession();
    let leave = () => {};
    let name: string | undefined;
    try {
      const prepared = await this.#prepare(request, 'attached', signal);
      ({name} = prepared);
      leave = this.#attended.begin(prepared.name);
      const streams = request.terminal === undefined ? {} : {terminal: request.terminal};
      const attached = await runAttached(this.#parts.docker, prepared.spec, streams, bounded(signal));
      const close = async () => {
        attached.detach();
        // It may have come and gone between two looks.
        this.#claims.release(prepared.name);
        leave();
        closeSession();
      };
      return {...withoutDetach(attached), name: prepared.started.name, release: prepared.started.release, close};
    } catch (error) {
      leave();
      closeSession();
      if (name !== undefined) this.#claims.release(name);
      throw whyNotStarted(error, request.command) ?? error;
    }
  }

  async runDetached(request: RunRequest, signal: AbortSignal): Promise<StartedRun> {
    const {name, spec, started} = await this.#prepare(request, 'detached', signal);
    const leave = this.#attended.begin(name);
    try {
      await this.#parts.engine.run(spec, bounded(signal));
      return started;
    } catch (error) {
      this.#claims.release(name);
      throw whyNotStarted(error, request.command) ?? error;
    } finally {
      leave();
    }
  }

  async exec({app, actor, replica, command, env, terminal}: ExecRequest, signal: AbortSignal): Promise<Session> {
    const {docker, execNotes, audit} = this.#parts;
    const closeSession = this.#openSession();
    const hangUp = terminal === undefined ? 'SIGTERM' : 'SIGHUP';
    let made: string | undefined;
    try {
      const found = runningNamed(await this.#seen(signal), {app, replica});
      const {id, release} = found.kind === 'replica' ? found.container : found.run;
      await audit.add({...whoIs(actor), action: 'exec', app, subject: replica, command: printOf(command)});
      const entrypoint = await entrypointOfContainer(docker, id, signal);
      const attached = await execAttached(docker, id, {
        command: execCommandIn(entrypoint, command), env, ...(terminal && {terminal}), onMade: async (execId) => execNotes.add(made = execId),
      }, bounded(signal));
      const close = async () => {
        attached.detach();
        closeSession();
        await this.#endExec(attached.id, hangUp);
      };
      return {...withoutDetach(attached), name: replica, release, close};
    } catch (error) {
      closeSession();
      // It may have begun before its user went away: nobody else would ever end it.
      if (made !== undefined) await this.#endExec(made, hangUp);
      throw error;
    }
  }

  async kill({app, actor, replica}: ReplicaRequest, signal: AbortSignal): Promise<Killed> {
    const found = runningNamed(await this.#seen(signal), {app, replica});
    await this.#parts.audit.add({...whoIs(actor), action: 'kill', app, subject: replica});
    const {id, name} = found.kind === 'replica' ? found.container : found.run;
    const graceMs = found.kind === 'replica' ? found.container.facts.stopGraceMs : RUN_GRACE_MS;
    const startedAtMs = Date.now();
    await this.#parts.act({kind: 'stop-container', app, id, name, graceMs, reason: `killed by ${actor.name}`}, anySignal([signal, AbortSignal.timeout(graceMs + KILL_MS_MORE)]));
    return {replica, tookMs: Date.now() - startedAtMs, isReplaced: found.kind === 'replica'};
  }

  async restart({app, actor, service}: RestartRequest, signal: AbortSignal): Promise<Restarted> {
    const {restarts, audit, wake} = this.#parts;
    const {desired, observed} = await this.#seen(signal);
    const chosen = servicesToRestart({desired, observed}, {app, ...(service !== undefined && {service})});
    await audit.add({...whoIs(actor), action: 'restart', app, ...(service !== undefined && {subject: service})});
    const hashes = this.#plainHashes(desired, app);
    const atMs = Date.now();
    const notes = chosen.map(({name, specHash}) => ({service: name, specHash: hashes.get(name) ?? specHash, atMs}));
    await restarts.add(homeOf(desired.apps.find(({name}) => name === app) ?? {name: app}), notes, desired.apps.map(homeOf));
    wake();
    return {services: chosen.map(({name}) => name)};
  }

  async restartReplica({app, actor, replica}: ReplicaRequest, signal: AbortSignal): Promise<RestartedReplica> {
    const {restarts, audit, wake} = this.#parts;
    const seen = await this.#seen(signal);
    const {service, slot, specHash} = replicaToRestart(seen, {app, replica});
    await audit.add({...whoIs(actor), action: 'restart', app, subject: replica});
    const atMs = Date.now();
    await restarts.add(homeOf(seen.desired.apps.find(({name}) => name === app) ?? {name: app}), [{service, slot, specHash: this.#plainHashes(seen.desired, app).get(service) ?? specHash, atMs}], seen.desired.apps.map(homeOf));
    const notedAtMs = Date.now();
    wake();
    const renewed = await this.#whenRenewed({app, service, slot, atMs, notedAtMs}, signal);
    if (renewed.state === 'failed') throw new Refused('impossible', `${replica} was not replaced: the new one ${renewed.cause}; the old one goes on`);
    return {replica, tookMs: Date.now() - atMs};
  }

  /** `notedAtMs`: when the wish had been written down. A pass that began before may know nothing of it. */
  async #whenRenewed({app, service, slot, atMs, notedAtMs}: {readonly app: AppName; readonly service: string; readonly slot: number; readonly atMs: number; readonly notedAtMs: number}, signal: AbortSignal): Promise<RenewalState> {
    for (;;) {
      await pause(RENEWAL_LOOK_MS, undefined, {signal});
      const {desired, observed} = await this.#seen(signal);
      const wanted = desired.apps.find(({name}) => name === app);
      const {specHash, renew = []} = (wanted?.state === 'resolved' ? wanted.services.find(({name}) => name === service) : undefined) ?? {};
      const containers = observed.containers.filter((container) => container.app === app && container.service === service && container.slot === slot && container.specHash === specHash);
      const renewal = renew.find((one) => one.slot === slot);
      if (renewal?.atMs !== atMs && observed.nowMs > notedAtMs) throw new Refused('impossible', `something else was asked for while ${service}.${slot} was being replaced (a release, another scale, another restart): flynn ps ${app}`);
      const state = renewal === undefined ? undefined : renewalState(renewal, containers, observed);
      if (state !== undefined && state.state !== 'pending') return state;
    }
  }

  /** Spec hashes by service as the manifests have them, without restarts. */
  #plainHashes({apps}: DesiredState, name: AppName): ReadonlyMap<string, SpecHash> {
    const app = apps.find((one) => one.name === name);
    const plain = app === undefined ? undefined : this.#parts.restarts.plain(app);
    return new Map(plain?.state === 'resolved' ? plain.services.map((service) => [service.name, service.specHash] as const) : []);
  }

  /** Ends the commands in replicas that a reconciler before this one was asked for: nobody is connected to them any more. */
  async endAbandonedExecs(): Promise<void> {
    for (const execId of await this.#parts.execNotes.all()) await this.#endExec(execId, 'SIGHUP');
  }

  /** Asks it to end, and after the grace makes it. Never rejects: its user has gone, and the note of it stays for the next start. */
  async #endExec(execId: string, name: 'SIGTERM' | 'SIGHUP'): Promise<void> {
    const {docker, execNotes, log} = this.#parts;
    try {
      const limit = AbortSignal.timeout(END_GRACE_MS + START_MS_MAX);
      await signalExec(docker, {execId, name}, limit);
      const lateMs = Date.now() + END_GRACE_MS;
      while (await isExecRunning(docker, execId, limit)) {
        if (Date.now() > lateMs) await signalExec(docker, {execId, name: 'SIGKILL'}, limit);
        await new Promise<void>((resolve) => setTimeout(resolve, 100));
      }
      await execNotes.remove(execId);
    } catch (error) {
      log('a command in a replica could not be ended', error);
    }
  }

  async #prepare(request: RunRequest, mode: 'attached' | 'detached', signal: AbortSignal): Promise<{readonly name: string; readonly spec: ContainerSpec; readonly started: StartedRun}> {
    const {app} = request;
    const seen = await this.#seen(signal);
    const {closed} = seen.desired;
    if (closed !== undefined) throw new Refused('impossible', `node ${closed.node} is ${closed.state}, and starts nothing new: flynn node uncordon ${closed.node}`);
    const {release, service} = serviceToRun(seen, request);
    const running = seen.observed.runs.filter((run) => run.app === app && run.state === 'running');
    if (running.length >= RUNS_PER_APP_MAX) throw new Refused('impossible', `"${app}" has ${running.length} runs already, the most it may have at once: flynn ps ${app}, flynn kill run.N`);
    const number = this.#freeNumber(app, seen);
    const name = runName(app, number);
    if (service.requests !== undefined) this.#claims.make({name, need: service.requests, what: `a run of ${service.name}`}, seen);
    try {
      const spec = await this.#specOf(request, {mode, number, release, service, seen});
      return {name, spec, started: {name: `run.${number}`, release}};
    } catch (error) {
      this.#claims.release(name);
      throw error;
    }
  }

  async #specOf({app, actor, command, env}: RunRequest, {mode, number, release, service, seen}: Chosen): Promise<ContainerSpec> {
    const {docker, world, audit} = this.#parts;
    await audit.add({...whoIs(actor), action: 'run', app, subject: `run.${number}`, command: printOf(command)});
    const words = commandIn(await entrypointOfImage(docker, service.container.image, AbortSignal.timeout(START_MS_MAX)), command);
    const id = seen.desired.apps.find(({name}) => name === app)?.id;
    return appContainerSpec({
      app,
      ...(id !== undefined && {appId: id}),
      template: {...service.container, command: words},
      name: runName(app, number),
      env: {...env, FLYNN_APP: app, FLYNN_SERVICE: service.name, FLYNN_REPLICA: `run.${number}`, FLYNN_RELEASE: `v${release}`},
      labels: {
        [labels.LABEL_ROLE]: 'run',
        [labels.LABEL_SERVICE]: service.name,
        [labels.LABEL_SLOT]: String(number),
        [labels.LABEL_RELEASE]: String(release),
        [labels.LABEL_MODE]: mode,
        [labels.LABEL_PROGRAM]: printOf(command).program,
      },
      ...(service.container.isOnHostNetwork !== true && {shared: sharedNetworksOf(app, agreedPairs(seen.desired, seen.observed), seen.observed)}),
    }, world);
  }

  #freeNumber(app: AppName, {observed}: Seen): number {
    for (;;) {
      const number = randomInt(1000, RUN_NUMBERS);
      if (!this.#attended.has(runName(app, number)) && !observed.runs.some((run) => run.app === app && run.number === number)) return number;
    }
  }

  #openSession(): () => void {
    if (this.#sessions >= SESSIONS_MAX) throw new Refused('impossible', `${this.#sessions} commands are being run on this node, the most it allows at once`);
    this.#sessions += 1;
    let isOpen = true;
    return () => {
      if (isOpen) this.#sessions -= 1;
      isOpen = false;
    };
  }

  #seen(signal: AbortSignal): Promise<Seen> {
    return this.#parts.seen(anySignal([signal, AbortSignal.timeout(FIRST_LOOK_MS_MAX)]));
  }
}

function bounded(signal: AbortSignal): AbortSignal {
  return anySignal([signal, AbortSignal.timeout(START_MS_MAX)]);
}

function whoIs({name, email, user, from, oidc}: Actor): Pick<NewAuditEntry, 'actor' | 'user' | 'from' | 'oidc'> {
  return {actor: `${name} <${email}>`, ...(user !== undefined && {user}), ...(from !== undefined && {from}), ...(oidc !== undefined && {oidc: oidc.subject})};
}

function withoutDetach({detach: _detach, id: _id, ...rest}: Attached & {readonly id: string}): Omit<Attached, 'detach'> {
  return rest;
}
