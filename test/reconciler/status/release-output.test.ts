import test from 'ava';
import type {Engine} from '../../../reconciler/adapters/engine.ts';
import {ReleaseOutput} from '../../../reconciler/status/release-output.ts';
import {releaseJob} from '../../support/make.ts';

/** One whose container writes this line, once it is let. */
function output(text: string, mayWrite: Promise<void>) {
  const told: string[] = [];
  const logs = async function* () {
    await mayWrite;
    yield {text};
  };
  return {told, output: new ReleaseOutput({engine: {logs} as unknown as Engine, print: (line) => told.push(line), signal: new AbortController().signal})};
}

test('how far a deploy has come is told at once', (t) => {
  const {told, output: one} = output('migrated', Promise.resolve());
  one.say('web [0/1]');
  t.deepEqual(told, ['web [0/1]']);
});

test('what comes after the release command is told after its output, however slow the engine is to bring that', async (t) => {
  const log = Promise.withResolvers<void>();
  const {told, output: one} = output('migrated', log.promise);
  one.say('Running release command...');
  one.see(releaseJob('run1 v2 exited 0'));
  one.say('web [0/1]');
  one.say('web [1/1]');
  t.deepEqual(told, ['Running release command...']);
  log.resolve();
  await one.settled();
  t.deepEqual(told, ['Running release command...', 'migrated', 'web [0/1]', 'web [1/1]']);
});
