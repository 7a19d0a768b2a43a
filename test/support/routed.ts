import type {ExecutionContext} from 'ava';
import {loadRoutes, publishNames} from '../../reconciler/apply/router.ts';
import type {NameTable, Target} from '../../reconciler/observed/state.ts';
import {hostName, serviceName} from '../../reconciler/router/names.ts';
import {startTrialRouter, type TrialRouter} from './trial-router.ts';

const SIGNAL = new AbortController().signal;
/** Hosts with structure have to be there before anything is asked: a change of them closes what is open. */
const STRUCTURED_MAX = 100;

/** A real router with a fresh pair of hosts for each backend: one that is a name only, and one that Caddy has a route for. */
export class Routed implements AsyncDisposable {
  readonly router: TrialRouter;
  readonly port: number;
  readonly #names = new Map<string, readonly Target[]>();
  #count = 0;

  private constructor(router: TrialRouter) {
    this.router = router;
    this.port = router.settings.httpPort;
  }

  static async start(): Promise<Routed> {
    const router = await startTrialRouter(SIGNAL);
    const hosts = Array.from({length: STRUCTURED_MAX}, (_, index) => ({host: `structured${index}.test`, paths: [{path: '/', name: serviceName('web', `app${index}`)}]}));
    await loadRoutes({hosts}, router, SIGNAL);
    return new Routed(router);
  }

  /** Both lead to these. */
  async hostsOf(...targets: readonly Target[]): Promise<readonly [plain: string, structured: string]> {
    const index = this.#count;
    this.#count += 1;
    if (index >= STRUCTURED_MAX) throw new Error('bug: more hosts than there are');
    const there = targets.map(({address, port}) => ({address, port}));
    this.#names.set(hostName(`plain${index}.test`), there);
    this.#names.set(serviceName('web', `app${index}`), there);
    await publishNames(this.#names as NameTable, this.router, SIGNAL);
    return [`plain${index}.test`, `structured${index}.test`];
  }

  /** The same for each of the two. */
  async each(t: ExecutionContext, targets: readonly Target[], claim: (host: string) => Promise<void>): Promise<void> {
    for (const host of await this.hostsOf(...targets)) {
      t.log(host);
      await claim(host);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.router.remove();
  }
}
