import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import type {SpecHash} from '../../schemas/ids.ts';
import {handOver, keepShift, retireShift} from '../../reconciler/apply/handover.ts';
import {removeShift, type ShiftWorld} from '../../reconciler/apply/shift.ts';
import {LABEL_INSTANCE, LABEL_ROLE, LABEL_SHIFT, LABEL_SPEC} from '../../reconciler/labels.ts';
import {layout as layoutOf} from '../../reconciler/layout.ts';
import {toSystem} from '../../reconciler/observed/containers.ts';
import {shiftsIn} from '../../reconciler/observed/shifts.ts';
import type {ObservedState} from '../../reconciler/observed/state.ts';
import type {RouteStructure} from '../../reconciler/observed/structure.ts';
import type {Action} from '../../reconciler/plan/action.ts';
import {describe, formatPlan} from '../../reconciler/plan/format.ts';
import {planHandOver} from '../../reconciler/plan/handover.ts';
import {routesIn} from '../../reconciler/router/caddy/config.ts';
import {routerFiles, shiftLayout} from '../../reconciler/router/files.ts';
import type {NodeSettings} from '../../reconciler/settings.ts';
import {FakeEngine, type Fault} from '../support/fake-engine.ts';
import {observed} from '../support/make.ts';
import {seededRandom} from '../support/random.ts';
import {UNSEALED} from '../support/sealed.ts';

// The real planner and executors, with Caddys that are files and numbers. Routes change, people connect and leave, somebody removes containers, the engine refuses or
// loses answers, and the reconciler is killed between any two calls:
//   (1) whoever was connected is not cut, but by the limit of how many may leave at a time;
//   (2) once there is a Caddy, one takes connections at any time, unless somebody removed it;
//   (3) once the faults end, exactly one is left, with the newest routes, and comes back after a reboot.
// Replay one: SEED=17 npx ava test/simulation/handover.test.ts

const SEEDS = 20;
const STEPS = 50;
const REST_PASSES = 60;
const IMAGE = 'sha256:router';
const {SEED} = process.env;
const never = new AbortController().signal;

class Killed extends Error {}

test(`${SEEDS} seeds of changes, faults and kills end with one router, and cut nobody`, async (t) => {
  t.timeout(600_000);
  for (const seed of SEED === undefined ? Array.from({length: SEEDS}, (_, n) => n) : [Number(SEED)]) {
    const node = await SimulatedRouter.make(seededRandom(seed));
    t.teardown(() => rm(node.settings.data, {recursive: true, force: true}));
    const act = async (action: Action) => {
      if (SEED !== undefined) t.log(`${node.nowMs} ${describe(action)}  # ${action.reason}`);
      const cut = action.kind === 'stop-container' || action.kind === 'remove-shift' || action.kind === 'remove-container' ? await node.connectedTo(action.id) : 0;
      if (cut > 0 && !action.reason.startsWith('more than')) t.fail(`seed ${seed}: (1) ${describe(action)} cuts ${cut}: ${action.reason}`);
      await node.act(action).catch(() => {});
      if (node.wasUp && !(await node.takesConnections())) t.fail(`seed ${seed}: (2) nobody takes connections after: ${describe(action)}`);
    };
    for (let step = 0; step < STEPS; step += 1) {
      await node.pass(act);
      await node.live();
    }
    node.isFaulty = false;
    let left = 'no pass was made';
    for (let pass = 0; pass < REST_PASSES; pass += 1) {
      left = formatPlan(await node.pass(act));
      await node.live();
    }
    t.is(left, '', `seed ${seed}: does not rest`);
    t.deepEqual(await node.kept(), [JSON.stringify(node.wanted)], `seed ${seed}: (3)`);
  }
});

class SimulatedRouter {
  nowMs = Date.now();
  isFaulty = true;
  wasUp = false;
  wanted: RouteStructure = {hosts: []};
  readonly settings: NodeSettings;
  readonly #random: () => number;
  readonly #engine: FakeEngine;
  readonly #world: ShiftWorld;
  /** By shift. */
  readonly #connected = new Map<number, number>();
  /** Calls of the engine until the reconciler is killed. */
  #killIn = Infinity;

  static async make(random: () => number): Promise<SimulatedRouter> {
    return new SimulatedRouter(random, await mkdtemp(path.join(tmpdir(), 'flynn-sim-')));
  }

  private constructor(random: () => number, data: string) {
    this.#random = random;
    this.settings = {data, node: 'n', domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553, sshPort: 0, cluster: {kind: 'own'}};
    const nextFault = (): Fault => {
      this.#killIn -= 1;
      if (this.#killIn < 0) throw new Killed();
      const roll = this.isFaulty ? random() : 1;
      return roll < 0.1 ? 'refused' : roll < 0.2 ? 'answer-lost' : 'none';
    };
    this.#engine = new FakeEngine({nextFault, nowMs: () => this.nowMs});
    this.#engine.addImage(IMAGE);
    const {settings} = this;
    this.#world = {
      settings, layout: layoutOf(data), secrets: UNSEALED, onRefused: () => {},
      engine: {
        run: async (spec) => {
          const before = await this.#running();
          const shift = Number(spec.labels[LABEL_SHIFT]);
          try {
            return await this.#engine.run(spec);
          } finally {
            const isStarted = !before.some((one) => one.shift === shift) && (await this.#running()).some((one) => one.shift === shift);
            if (isStarted) await writeFile(this.#holdSocket(shift), '');
          }
        },
        container: (id) => this.#engine.container(id),
        logs: () => this.#engine.logs(),
        // SIGTERM: it closes its listeners, and stays.
        send: async (id) => {
          const shift = await this.#shiftOf(id);
          nextFault();
          if (shift !== undefined) await rm(this.#holdSocket(shift), {force: true});
        },
        setRestart: (id, restart) => this.#engine.setRestart(id, restart),
        remove: (id) => this.#engine.remove(id),
      },
      caddy: (shift) => ({config: () => this.#config(shift), mark: async () => String(shift), isReady: async () => (await this.#config(shift)) !== undefined, load: async () => {}, requestsInFlight: async () => new Map()}),
      spec: (shift) => ({
        name: `flynn-router-${shift}`, image: IMAGE, command: [], env: {}, network: 'host', mounts: [], memoryBytes: 0, cpus: 0, pidsMax: 0, capabilities: [], restart: 'never', logBytesMax: 1,
        labels: {[LABEL_INSTANCE]: 'flynn', [LABEL_ROLE]: 'router', [LABEL_SPEC]: 'r', [LABEL_SHIFT]: String(shift)},
      }),
    };
  }

  async pass(onAction: (action: Action) => Promise<void>): Promise<ReturnType<typeof planHandOver>> {
    const made = planHandOver({role: 'router', specHash: 'r' as SpecHash}, this.wanted, await this.#observe());
    this.#killIn = this.isFaulty && this.#random() < 0.3 ? Math.floor(this.#random() * 4) : Infinity;
    for (const action of made.actions) await onAction(action);
    return made;
  }

  async act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'hand-over': return handOver(action, this.#world, never);
      case 'keep-shift': return keepShift(action, this.#world, never);
      case 'retire-shift': return retireShift(action, this.#world, never);
      case 'remove-shift': return removeShift(action, this.#world, never);
      case 'run-system': return void await this.#world.engine.run(this.#world.spec(action.shift), never);
      case 'stop-container': return this.#engine.stop(action.id);
      case 'remove-container': return this.#engine.remove(action.id);
      default: throw new Error(`bug: not planned here: ${action.kind}`);
    }
  }

  /** Time passes: people come and go, routes change, containers are removed by hand. */
  async live(): Promise<void> {
    this.#killIn = Infinity;
    this.nowMs += 500 + this.#random() * 3000;
    this.wasUp ||= await this.takesConnections();
    for (const {shift} of await this.#running()) {
      const roll = this.#random();
      if (!this.isFaulty || roll < 0.3) this.#connected.delete(shift);
      else if (roll < 0.6 && await this.#isOpen(shift)) this.#connected.set(shift, 1);
    }
    if (!this.isFaulty) return;
    if (this.#random() < 0.3) this.wanted = {hosts: [{host: `h${Math.floor(this.#random() * 5)}.test`, paths: [{path: '/a', name: '_svc._tcp.web.shop.flynn.internal'}]}]};
    const running = await this.#running();
    const victim = running[Math.floor(this.#random() * running.length)];
    if (this.#random() > 0.05 || victim === undefined) return;
    await this.#engine.remove(victim.id).catch(() => {});
    this.#connected.delete(victim.shift);
    this.wasUp = false;
  }

  async connectedTo(id: string): Promise<number> {
    const shift = await this.#shiftOf(id);
    return shift === undefined ? 0 : this.#connected.get(shift) ?? 0;
  }

  async takesConnections(): Promise<boolean> {
    for (const {shift} of await this.#running()) if (await this.#isOpen(shift)) return true;
    return false;
  }

  /** The routes of all containers, in whatever state, if they come back after a reboot. */
  async kept(): Promise<readonly string[]> {
    const records = await this.#engine.containers([]);
    return Promise.all(records.map(async ({restart, labels}) => (restart === 'always' ? JSON.stringify(routesIn(await this.#config(Number(labels[LABEL_SHIFT])))?.structure) : 'not kept')));
  }

  async #observe(): Promise<ObservedState> {
    const system = (await this.#engine.containers([])).map(toSystem).filter((one) => one !== undefined);
    const {current, leaving} = shiftsIn(system);
    const base = observed({});
    if (base.router.state !== 'ready') throw new Error('bug: the router of the tests answers');
    const isUp = system.some(({shift, state}) => shift === current && state === 'running');
    const looks = await Promise.all(leaving.map(async (shift) => [shift, {inFlight: this.#connected.get(shift) ?? 0, ...(!(await this.#isOpen(shift)) && {closedAtMs: 0})}] as const));
    const structure = current === undefined ? undefined : routesIn(await this.#config(current))?.structure;
    return {...base, nowMs: this.nowMs, system, router: isUp ? {...base.router, structure, file: structure, leaving: new Map(looks)} : {state: 'unreachable', error: 'nobody answers', silentSinceMs: new Map()}};
  }

  async #running(): Promise<readonly {readonly id: string; readonly shift: number}[]> {
    return (await this.#engine.containers([])).filter(({status}) => status === 'running').map(({id, labels}) => ({id, shift: Number(labels[LABEL_SHIFT])}));
  }

  async #shiftOf(id: string): Promise<number | undefined> {
    const record = await this.#engine.container(id);
    return record && Number(record.labels[LABEL_SHIFT]);
  }

  async #isOpen(shift: number): Promise<boolean> {
    return await stat(this.#holdSocket(shift)).catch(() => undefined) !== undefined;
  }

  #holdSocket(shift: number): string {
    return routerFiles(shiftLayout(layoutOf(this.settings.data), shift)).holdSocket;
  }

  async #config(shift: number): Promise<unknown> {
    return JSON.parse(await readFile(routerFiles(shiftLayout(layoutOf(this.settings.data), shift)).caddyConfig, 'utf8')) as unknown;
  }
}
