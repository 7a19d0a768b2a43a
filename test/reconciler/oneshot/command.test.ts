import test from 'ava';
import {commandIn, execCommandIn, printOf, whyNotStarted} from '../../../reconciler/oneshot/command.ts';

const LAUNCHER = ['/flynn/launch'];

const started = test.macro<[entrypoint: readonly string[], words: readonly string[], expected: {readonly run: readonly string[]; readonly exec: readonly string[]}]>({
  exec(t, entrypoint, words, expected) {
    t.deepEqual({run: commandIn(entrypoint, words), exec: execCommandIn(entrypoint, words)}, expected);
  },
  title: (_provided, entrypoint, words) => `${JSON.stringify(words)} in an image that starts with ${JSON.stringify(entrypoint)}`,
});

test(started, LAUNCHER, ['echo $HOME'], {run: ['echo $HOME'], exec: ['/flynn/launch', 'echo $HOME']});
test(started, LAUNCHER, ['ls', '-l'], {run: ['ls', '-l'], exec: ['/flynn/launch', 'ls', '-l']});
test(started, [], ['echo $HOME'], {run: ['/bin/sh', '-c', 'echo $HOME'], exec: ['/bin/sh', '-c', 'echo $HOME']});
test(started, [], ['bash'], {run: ['bash'], exec: ['bash']});
test(started, [], ['echo', '$HOME'], {run: ['echo', '$HOME'], exec: ['echo', '$HOME']});
test(started, ['/entrypoint.sh'], ['ls | wc'], {run: ['/bin/sh', '-c', 'ls | wc'], exec: ['/bin/sh', '-c', 'ls | wc']});

for (const [words, program] of [
  [['bash'], 'bash'],
  [['psql postgres://u:canary@db/shop'], 'psql'],
  [['/usr/bin/env', 'TOKEN=canary', 'x'], '/usr/bin/env'],
  [['TOKEN=canary rake db:migrate'], 'TOKEN=…'],
  [['  tty; stty size'], 'tty'],
  [['(curl canary)'], '(…'],
  [["'canary'"], '…'],
] as const) {
  test(`of ${JSON.stringify(words)} only "${program}" is kept`, (t) => {
    const print = printOf(words);
    t.is(print.program, program);
    t.regex(print.sha256, /^[0-9a-f]{64}$/);
    t.false(JSON.stringify(print).includes('canary'));
    t.not(printOf([...words, '']).sha256, print.sha256);
  });
}

for (const [message, exitCode] of [
  ['start x: OCI runtime create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown', 127],
  ['start x: unable to start container process: exec: "/app/nope": stat /app/nope: no such file or directory: unknown', 127],
  ['start x: unable to start container process: exec: "/etc/passwd": permission denied: unknown', 126],
  ['start x: the engine did not answer within 60 s', undefined],
] as const) {
  test(`"${message.slice(-40)}" ${exitCode === undefined ? 'is not the command\'s fault' : `is exit status ${exitCode}`}`, (t) => {
    t.is(whyNotStarted(new Error(message), ['nope'])?.exitCode, exitCode);
  });
}
