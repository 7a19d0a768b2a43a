import type {ExecutionContext} from 'ava';
import {ConfigRefused, type CaddyAdmin} from '../../reconciler/adapters/caddy.ts';

const SIGNAL = new AbortController().signal;

export interface CaddyTrial {
  /** It runs some configuration, and nobody asks it for anything. */
  readonly caddy: CaddyAdmin;
  /** One that does not answer. */
  readonly unreachable: CaddyAdmin;
}

/** What the pass relies on: the fake and the real Caddy both keep it. Leaves the configuration as it was. */
export async function keepsCaddyContract(t: ExecutionContext, {caddy, unreachable}: CaddyTrial): Promise<void> {
  const before = await caddy.config(SIGNAL) as Readonly<Record<string, unknown>>;
  const changed = {...before, logging: {logs: {default: {level: 'ERROR', exclude: ['contract']}}}};
  try {
    const mark = await caddy.mark(SIGNAL);
    t.is(await caddy.mark(SIGNAL), mark, 'looking changes nothing');
    await caddy.load(changed, SIGNAL);
    t.deepEqual(await caddy.config(SIGNAL), changed, 'what was loaded runs, as it was written');
    t.not(await caddy.mark(SIGNAL), mark, 'and it shows');
    t.true(await caddy.isReady(SIGNAL));
    await caddy.load(changed, SIGNAL);
    t.deepEqual(await caddy.config(SIGNAL), changed, 'and can be loaded again');

    const refused: Readonly<Record<string, unknown>> = {
      'a field that Caddy does not know': {...changed, contract: {}},
      'an app that Caddy does not have': {...changed, apps: {contract: {}}},
      'a list': [changed],
      'a text': 'contract',
    };
    for (const [what, config] of Object.entries(refused)) {
      await t.throwsAsync(caddy.load(config, SIGNAL), {instanceOf: ConfigRefused}, what);
      t.deepEqual(await caddy.config(SIGNAL), changed, `${what} changes nothing`);
    }
    t.deepEqual(await caddy.requestsInFlight(SIGNAL), new Map());
    await t.throwsAsync(caddy.load(before, AbortSignal.abort(new Error('stopped'))), {message: 'stopped'});
    t.deepEqual(await caddy.config(SIGNAL), changed, 'nothing is loaded for somebody who has gone');
  } finally {
    await caddy.load(before, SIGNAL);
  }
  t.deepEqual(await caddy.config(SIGNAL), before, 'nothing is left of the configuration before');

  await t.throwsAsync(caddy.config(AbortSignal.abort(new Error('stopped'))), {message: 'stopped'});
  await t.throwsAsync(unreachable.config(SIGNAL));
  await t.throwsAsync(unreachable.mark(SIGNAL));
  await t.throwsAsync(unreachable.isReady(SIGNAL));
  await t.throwsAsync(unreachable.requestsInFlight(SIGNAL), undefined, 'nothing is known, which is not an empty answer');
  const error = await t.throwsAsync(unreachable.load(before, SIGNAL));
  t.false(error instanceof ConfigRefused, 'nobody has refused it: it may be right');
}
