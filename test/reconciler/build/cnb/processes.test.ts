import test from 'ava';
import {combineProcesses, readLaunch, servicesOf, type Process} from '../../../../reconciler/build/cnb/processes.ts';

function process(type: string, words: readonly string[], rest: Partial<Process> = {}): Process {
  return {type, words, isDefault: false, ...rest};
}

test('launch.toml has processes and labels', t => {
  const text = '[[labels]]\nkey = "a"\nvalue = "1"\n[[processes]]\ntype = "web"\ncommand = ["node"]\nargs = ["server.js"]\ndefault = true\nworking-dir = "sub"\n';
  t.deepEqual(readLaunch(text, 'launch.toml'), {processes: [process('web', ['node', 'server.js'], {isDefault: true, workingFolder: 'sub'})], labels: {a: '1'}});
});

test('a process for tests only is left out', t => {
  t.deepEqual(readLaunch('[[processes]]\ntype = "t"\ncommand = ["t"]\nexec-env = ["test"]\n', 'launch.toml').processes, []);
});

const refuses = test.macro({
  exec(t, text: string, message: string) {
    t.throws(() => readLaunch(text, 'launch.toml'), {message});
  },
  title: (claim = '') => claim,
});

test('a command as one text is refused', refuses, '[[processes]]\ntype = "web"\ncommand = "node"\n', 'launch.toml: "command" must be a list of texts');
test('a process without a command is refused', refuses, '[[processes]]\ntype = "web"\n', 'launch.toml: process "web" has no command');
test('a type with other characters is refused', refuses, '[[processes]]\ntype = "a b"\ncommand = ["x"]\n', 'launch.toml: "a b" can\'t be a process type, expected letters, digits and "._-"');
test('"direct" of former APIs is refused', refuses, '[[processes]]\ntype = "web"\ncommand = ["x"]\ndirect = true\n', 'launch.toml: process "web" has "direct", which there is none of since Buildpack API 0.9');
test('two defaults of one buildpack are refused', refuses, '[[processes]]\ntype = "a"\ncommand = ["x"]\ndefault = true\n[[processes]]\ntype = "b"\ncommand = ["x"]\ndefault = true\n', 'launch.toml: more than one process is the default: a, b');

test('a later buildpack’s process takes the place of one of its type, its default of others', t => {
  const combined = combineProcesses([process('web', ['one'], {isDefault: true}), process('job', ['two'], {isDefault: true}), process('web', ['three'])]);
  t.deepEqual(combined, {processes: [process('job', ['two'], {isDefault: true}), process('web', ['three'])], defaultType: 'job'});
});

test('a default that is defined again without being one is none', t => {
  t.is(combineProcesses([process('web', ['one'], {isDefault: true}), process('web', ['two'])]).defaultType, undefined);
});

const serves = test.macro({
  exec(t, {processes, commands, warnings = []}: {processes: readonly Process[]; commands: Record<string, readonly string[]>; warnings?: readonly string[]}) {
    const services = servicesOf(combineProcesses(processes));
    t.deepEqual({commands: services.commands, warnings: services.warnings}, {commands, warnings});
  },
  title: (claim = '') => claim,
});

test('words are kept as they are', serves, {processes: [process('web', ['node', 'a b.js', '$X'])], commands: {web: ['node', 'a b.js', '$X']}});
test('a single word is quoted, because it would be read by a shell', serves, {processes: [process('web', ['/my app/run'])], commands: {web: ["'/my app/run'"]}});
test('a working folder is gone to first', serves, {processes: [process('web', ['./run'], {workingFolder: 'sub'})], commands: {web: ['env', '--chdir=sub', './run']}});
test('a type becomes a DNS label, with a warning', serves, {processes: [process('Sys_Info', ['x'])], commands: {'sys-info': ['x']}, warnings: ['process type "Sys_Info" is service "sys-info"']});
test('of two types with one label one counts, with a warning', serves, {processes: [process('a_b', ['1']), process('a-b', ['2'])], commands: {'a-b': ['2']}, warnings: ['process type "a_b" is left out: there is a service "a-b" already']});
test('a type that is too long for a service is left out, with a warning', serves, {processes: [process('a'.repeat(31), ['x'])], commands: {}, warnings: [`process type "${'a'.repeat(31)}" can't be a service's name and is left out`]});
test('the default is web where there is none', serves, {processes: [process('run', ['x'], {isDefault: true})], commands: {run: ['x'], web: ['x']}, warnings: ['process type "run" is the default, so it is service "web" too']});
test('the default is not web where there is one', serves, {processes: [process('run', ['x'], {isDefault: true}), process('web', ['y'])], commands: {run: ['x'], web: ['y']}});
