import test from 'ava';
import {runSteps, seconds, type Step} from '../../../cli/setup/step.ts';

function world() {
  const lines: string[] = [];
  let clockMs = 0;
  const step = (title: string, already: string | undefined, outcome: () => string): Step => ({
    title,
    check: async () => already,
    do: async (print) => {
      print('working');
      clockMs += 12_000;
      return outcome();
    },
  });
  return {lines, step, reporter: {print: (line: string) => void lines.push(line), nowMs: () => clockMs}};
}

const {signal} = new AbortController();

test('each step says what is already so, or what it did and how long that took', async (t) => {
  const {lines, step, reporter} = world();
  await runSteps([step('Ports', 'all free', () => t.fail() as never), step('Docker Engine', undefined, () => 'installed 26.1.5')], reporter, signal);
  t.deepEqual(lines, ['[1/2] Ports … all free', '[2/2] Docker Engine …', '      working', '[2/2] Docker Engine … installed 26.1.5 (12 s)']);
});

test('the first step that fails is the last one', async (t) => {
  const {lines, step, reporter} = world();
  const failing = step('Engine', undefined, () => {
    throw new Error('no mirror');
  });
  await t.throwsAsync(runSteps([failing, step('Images', undefined, () => 'made')], reporter, signal), {message: 'no mirror'});
  t.deepEqual(lines, ['[1/2] Engine …', '      working', '[1/2] Engine … failed (12 s)']);
});

test('an aborted signal ends it before the next step begins', async (t) => {
  const {lines, step, reporter} = world();
  await t.throwsAsync(runSteps([step('Ports', 'free', () => '')], reporter, AbortSignal.abort(new Error('stopped'))), {message: 'stopped'});
  t.deepEqual(lines, []);
});

test('short times show tenths', (t) => {
  t.deepEqual([40, 9949, 10_000, 61_400].map(seconds), ['0.0 s', '9.9 s', '10 s', '61 s']);
});
