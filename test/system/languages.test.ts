import {readFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {planOf} from '../support/build-plan.ts';
import {buildTrial, eventually, STOP_GRACE_MS, type BuildTrial} from '../support/build-trial.ts';
import {until} from '../support/until.ts';

/** An app of test/fixtures/apps, whose dependencies are all in it: built, served, changed by a line and built again. */
interface Language {
  readonly fixture: string;
  /** The answer to `GET /some/path`. */
  readonly answer: RegExp;
  /** A line that is appended to a source file. */
  readonly change: {readonly file: string; readonly line: string};
  /** What the second build says of the first one's work. */
  readonly warm: RegExp;
  /** Of one that has nothing to say to SIGTERM. 0 unless given. */
  readonly exitCode?: number;
}

const LANGUAGES: readonly Language[] = [
  {fixture: 'python-wsgi', answer: /"greeting": "hello from python-wsgi \/some\/path", "python": "3\.13", .*"isCompiled": true/, change: {file: 'app.py', line: '# changed'}, warm: /Using the packages of the last build/},
  {fixture: 'python-pipenv', answer: /^hello from python-pipenv/, change: {file: 'app.py', line: '# changed'}, warm: /Using the packages of the last build/},
  {fixture: 'python-poetry', answer: /^hello from python-poetry/, change: {file: 'app.py', line: '# changed'}, warm: /Using the packages of the last build/},
  {fixture: 'python-uv', answer: /^hello from python-uv/, change: {file: 'src/greeting/__init__.py', line: '# changed'}, warm: /Using the packages of the last build/},
  {fixture: 'ruby-rack', answer: /^hello from ruby-rack \/some\/path in production/, change: {file: 'config.ru', line: '# changed'}, warm: /Using the gems of the last build/},
  {fixture: 'php-composer', answer: /"hello from php-composer \/some\/path".*"sum":"3","isBuilt":true,.*"hasDevelopmentPackages":false/, change: {file: 'public/index.php', line: '// changed'}, warm: /Generating optimized autoload files/},
  {fixture: 'php-index', answer: /^hello from php-index \/some\/path/, change: {file: 'index.php', line: '// changed'}, warm: /Preparing runtime environment/},
  {fixture: 'go-vendor', answer: /^hello from go-vendor \/some\/path/, change: {file: 'main.go', line: '// changed'}, warm: /Using the compiler's cache of the last build/},
  {fixture: 'rust-vendor', answer: /^hello from rust-vendor \/some\/path/, change: {file: 'src/main.rs', line: '// changed'}, warm: /^(?!.*Compiling greeting).*Compiling shop/s, exitCode: 143},
  {fixture: 'java-sources', answer: /^hello from java-sources \/some\/path/, change: {file: 'Main.java', line: '// changed'}, warm: /Compiling 2 Java sources/, exitCode: 143},
  {fixture: 'java-maven', answer: /^hello from java-maven \/some\/path/, change: {file: 'src/main/java/shop/Main.java', line: '// changed'}, warm: /Found target\/shop-1\.0\.jar/, exitCode: 143},
  {fixture: 'procfile-shell', answer: /^hello from procfile-shell \/some\/path/, change: {file: 'server.pl', line: '# changed'}, warm: /Nothing to compile/, exitCode: 143},
];

const FIXTURES = path.join(import.meta.dirname, '..', 'fixtures');
const MINUTES = 60_000;

let trial: BuildTrial;
/** What a fixture was built to first, as it is: whoever needs that need not build it again. */
const builds = new Map<string, ReturnType<BuildTrial['buildWell']>>();

async function firstBuild(fixture: string): ReturnType<BuildTrial['buildWell']> {
  const built = builds.get(fixture) ?? trial.buildWell({fixture});
  builds.set(fixture, built);
  return built;
}

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  trial = await buildTrial({packages: 'kept'});
});

test.after.always(() => trial?.clean());

for (const {fixture, answer, change, warm, exitCode = 0} of LANGUAGES) {
  test.serial(`${fixture} is built as planned, serves, and stops at once`, async (t) => {
    t.timeout(10 * MINUTES);
    const built = await firstBuild(fixture);
    t.is(await planOf(trial.docker, {image: trial.buildImage, fixture, built}), await readFile(path.join(FIXTURES, 'plans', `${fixture}.txt`), 'utf8').catch(() => ''), built.lines.join('\n'));
    const served = await trial.serve(built, '/some/path');
    t.regex(served.body, answer, served.log);
    t.true(served.stopMs < STOP_GRACE_MS, `stopped after ${served.stopMs} ms`);
    t.is(served.exitCode, exitCode, served.log);
  });

  test.serial(`${fixture} with a changed line takes the dependencies of the last build, and ships one small layer`, async (t) => {
    t.timeout(10 * MINUTES);
    const before = await trial.layersOf((await firstBuild(fixture)).image);
    const text = await readFile(path.join(FIXTURES, 'apps', fixture, change.file), 'utf8');
    const changed = await trial.buildWell({fixture, changes: {[change.file]: `${text}${change.line}\n`}});
    t.regex(changed.lines.join('\n'), warm);
    const after = await trial.layersOf(changed.image);
    t.deepEqual(after.slice(0, -1), before.slice(0, -1));
    t.not(after.at(-1), before.at(-1));
  });
}

for (const fixture of ['python-wsgi', 'ruby-rack', 'php-composer', 'rust-vendor', 'java-maven']) {
  test.serial(`${fixture} is the same image without a cache`, async (t) => {
    t.timeout(10 * MINUTES);
    const {image} = await firstBuild(fixture);
    await trial.emptyCache(fixture);
    t.is((await trial.buildWell({fixture})).image, image);
  });
}

test.serial('a Rust program whose commit is older than the last build is compiled anew', async (t) => {
  t.timeout(10 * MINUTES);
  // All sources of tests have the time of a commit of January.
  await trial.buildWell({fixture: 'rust-vendor'});
  const source = await readFile(path.join(FIXTURES, 'apps', 'rust-vendor', 'src', 'main.rs'), 'utf8');
  const built = await trial.buildWell({fixture: 'rust-vendor', changes: {'src/main.rs': source.replace('"rust-vendor"', '"an older commit"')}});
  t.regex((await trial.serve(built)).body, /^hello from an older commit/);
});

for (const {title, fixture, changes, expected} of [
  {title: 'a Python that this stack has not', fixture: 'python-wsgi', changes: {'.python-version': '3.11.9\n'}, expected: 'Python 3.11.9 (.python-version) is not on this stack, which has 3.13.'},
  {title: 'a line of requirements.txt that is none', fixture: 'python-wsgi', changes: {'requirements.txt': 'tiny-wsgi=>1\n'}, expected: "pip install failed: Invalid requirement: 'tiny-wsgi=>1'"},
  {title: 'a wheel that is missing', fixture: 'python-wsgi', changes: {'requirements.txt': 'tiny-wsgi==1.2.0\nflask==3.1.0\n'}, expected: 'pip install failed: No matching distribution found for flask==3.1.0 in wheels/'},
  {title: 'two lock files of Python', fixture: 'python-uv', changes: {'requirements.txt': 'tiny-wsgi\n'}, expected: 'Multiple Python package manager files were found: requirements.txt uv.lock'},
  {title: 'a range of Pythons that leaves this one out', fixture: 'python-uv', changes: {'pyproject.toml': '[project]\nname = "greeting"\nversion = "1"\nrequires-python = ">=3.14"\n'}, expected: 'pyproject.toml asks for Python ">=3.14", and this stack has 3.13.'},
  {title: 'a Ruby that this stack has not', fixture: 'ruby-rack', changes: {'Gemfile': 'ruby "3.2.2"\ngem "tiny-rack", "~> 1.2"\n'}, expected: 'Failed to install gems via Bundler: Your Ruby version is 3.3.'},
  {title: 'a gem that the lock file has not', fixture: 'ruby-rack', changes: {'Gemfile': 'source "https://rubygems.org"\nruby "~> 3.3.0"\ngem "tiny-rack", "~> 1.2"\ngem "minitest-focus", group: %i[development test]\ngem "sinatra"\n'}, expected: 'Failed to install gems via Bundler: The dependencies in your gemfile changed'},
  {title: 'assets that do not compile', fixture: 'ruby-rack', changes: {'Rakefile': 'task("assets:precompile") { raise "the theme is missing" }\n'}, expected: 'Precompiling assets failed: the theme is missing'},
  {title: 'a PHP that this stack has not', fixture: 'php-composer', changes: {'composer.json': '{"require": {"php": "^7.4"}}'}, expected: 'composer install failed: Root composer.json requires php ^7.4'},
  {title: 'an extension that nobody has packaged', fixture: 'php-index', changes: {'composer.json': '{"require": {"ext-swoole": "*"}}', 'composer.lock': '{"packages": [], "packages-dev": [], "platform": {"ext-swoole": "*"}}'}, expected: 'composer install failed: Root composer.json requires PHP extension ext-swoole'},
  {title: 'a Go that this stack has not', fixture: 'go-vendor', changes: {'go.mod': 'module example.com/shop\n\ngo 1.99\n'}, expected: 'lower the go line of go.mod (go mod edit -go=1.24)'},
  {title: 'Go that does not compile', fixture: 'go-vendor', changes: {'main.go': 'package main\n\nfunc main() { wrong() }\n'}, expected: 'go install failed: the app does not compile'},
  {title: 'a module that vendor/ has not', fixture: 'go-vendor', changes: {'go.mod': 'module example.com/shop\n\ngo 1.22\n\nrequire example.com/greeting v1.3.0\n'}, expected: 'vendor/ is not what go.mod says: run go mod vendor and commit it'},
  {title: 'a Rust that is not stable', fixture: 'rust-vendor', changes: {'rust-toolchain': 'nightly\n'}, expected: 'rust-toolchain asks for "nightly", and only stable Rust can be had here'},
  {title: 'Rust that does not compile', fixture: 'rust-vendor', changes: {'src/main.rs': 'fn main() { wrong() }\n'}, expected: 'cargo build failed: the app does not compile'},
  {title: 'a Java that this stack has not', fixture: 'java-sources', changes: {'system.properties': 'java.runtime.version=17\n'}, expected: 'system.properties asks for Java 17, and the stack has OpenJDK 21 and 25'},
  {title: 'Java that does not compile', fixture: 'java-sources', changes: {'Main.java': 'class Main { static int answer = wrong; }\n'}, expected: 'javac failed: the sources do not compile'},
  {title: 'a library that Maven can not have offline', fixture: 'java-maven', changes: {'pom.xml': '<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version><dependencies><dependency><groupId>org.example</groupId><artifactId>none</artifactId><version>1</version></dependency></dependencies></project>'}, expected: 'Failed to build app with Maven: the repository in the app does not have all that an offline build needs'},
]) {
  test.serial(`${title} is the reason that the pusher sees last`, async (t) => {
    t.timeout(10 * MINUTES);
    const {lines} = await trial.buildBadly({fixture, changes});
    t.true(lines.at(-1)?.startsWith(` !     ${expected}`), lines.join('\n'));
  });
}

test.serial('PHP answers several requests at a time, and finishes what is on its way when it is stopped', async (t) => {
  t.timeout(10 * MINUTES);
  const {commands, image} = await firstBuild('php-composer');
  await trial.whileRunning({image, commands}, async ({container, origin}) => {
    await eventually(() => fetch(origin));
    const logged = async () => (await container.logs({stdout: true, stderr: true})).toString().split('slow begins').length - 1;
    const slow = Array.from({length: 5}, () => fetch(`${origin}/slow`));
    await until('all have begun, before one has ended', async () => await logged() === 5);
    const stopped = container.stop({t: 15});
    t.deepEqual(await Promise.all(slow.map(async (answer) => (await answer).status)), [200, 200, 200, 200, 200]);
    await stopped;
    t.is((await container.inspect()).State.ExitCode, 0);
  });
});
