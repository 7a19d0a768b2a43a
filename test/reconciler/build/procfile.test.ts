import test from 'ava';
import {namedServices, parseProcfile} from '../../../reconciler/build/procfile.ts';

const parses = test.macro({
  exec(t, {text, services, warnings = []}: {text: string; services: Record<string, string>; warnings?: readonly string[]}) {
    t.deepEqual(parseProcfile(text), {services, warnings});
  },
  title: (claim = '') => claim,
});

test('a line is a service and its command', parses, {text: 'web: npm start\nworker: node worker.js\n', services: {web: 'npm start', worker: 'node worker.js'}});
test('blank lines, comments and Windows line ends do not count', parses, {text: '# services\r\n\r\nweb: npm start  \r\n', services: {web: 'npm start'}});
test('a command may hold colons', parses, {text: 'web: bundle exec puma -b tcp://0.0.0.0:$PORT', services: {web: 'bundle exec puma -b tcp://0.0.0.0:$PORT'}});
test('a name without its colon is a service, as in Heroku’s own pattern', parses, {text: 'web npm start', services: {web: 'npm start'}});
test('an empty file has no services', parses, {text: '', services: {}});
test('a name becomes a DNS label, with a warning', parses, {
  text: 'Data_Worker: run',
  services: {'data-worker': 'run'},
  warnings: ['Procfile:1: service "Data_Worker" is named "data-worker"'],
});
test('of two lines for one service the last counts, with a warning', parses, {
  text: 'web: one\nweb: two',
  services: {web: 'two'},
  warnings: ['Procfile:2: service "web" was declared before, this line counts'],
});
test('a line that is no service is left out, with a warning', parses, {
  text: 'web: one\n}}\nworker:',
  services: {web: 'one'},
  warnings: ['Procfile:2: "}}" is not a service, expected "name: command"', 'Procfile:3: "worker:" is not a service, expected "name: command"'],
});
test('a service named like a property of all objects is an ordinary one', parses, {text: 'constructor: run', services: {constructor: 'run'} as unknown as Record<string, string>});
test('a name that is too long for a service is left out, with a warning', parses, {
  text: `${'a'.repeat(31)}: run\n${'b'.repeat(30)}: run`,
  services: {['b'.repeat(30)]: 'run'},
  warnings: [`Procfile:1: "${'a'.repeat(31)}" can't be a service's name, expected 1 to 30 letters, digits and "-"`],
});

test('default process types get the names of services, as the Procfile’s lines do', (t) => {
  t.deepEqual(namedServices({web: 'one', Data_Loader: 'two', 'a.b': 'three', 'a b': 'four', '': 'five', constructor: 'six'} as unknown as Record<string, string>), {
    services: {web: 'one', 'data-loader': 'two', 'a-b': 'three', constructor: 'six'} as unknown as Record<string, string>,
    warnings: [
      'default process type "Data_Loader" is service "data-loader"',
      'default process type "a.b" is service "a-b"',
      'default process type "a b" can\'t be a service\'s name, expected 1 to 30 letters, digits and "-"',
      'default process type "" can\'t be a service\'s name, expected 1 to 30 letters, digits and "-"',
    ],
  });
});
