import test from 'ava';
import {bothPackages, parsePackages} from '../../../reconciler/build/packages.ts';

test('lines of bin/packages say on which side a package is wanted', (t) => {
  t.deepEqual(parsePackages('# the interpreter\nboth python3 libpq5\n\nbuild libpq-dev gcc\nrun  libpq5\n', 'python'), {
    build: ['gcc', 'libpq-dev', 'libpq5', 'python3'],
    run: ['libpq5', 'python3'],
  });
});

test('packages of several buildpacks come together, each once and in one order', (t) => {
  t.deepEqual(bothPackages({build: ['b'], run: []}, {build: ['a', 'b'], run: ['c']}), {build: ['a', 'b'], run: ['c']});
});

for (const line of ['python3', 'both python3; rm -rf /', 'run --allow-downgrades', 'both $(id)', 'both Python3']) {
  test(`the line "${line}" is refused`, (t) => {
    t.throws(() => parsePackages(line, 'x'), {name: 'BuildRefused', message: `bin/packages of the buildpack "x" printed "${line}", expected lines such as "both python3 libpq5"`});
  });
}

test('more packages than anybody needs are refused', (t) => {
  const names = Array.from({length: 201}, (_, index) => `p${index}x`).join(' ');
  t.throws(() => parsePackages(`run ${names}`, 'x'), {message: 'the buildpack "x" wants 201 Debian packages, at most 200 are installed'});
});
