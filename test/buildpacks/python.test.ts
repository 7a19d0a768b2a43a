import ava from 'ava';
import {execa} from 'execa';
import {runInApp, type Files} from '../support/buildpack-scripts.ts';

/** The build image has a Python with pip; a machine that only runs these tests need not. */
const hasPip = !(await execa('python3', ['-c', 'import tomllib, pip._vendor.packaging.markers'], {reject: false})).failed;
const test = hasPip ? ava : ava.skip;

const detects = ava.macro(async (t, files: Files, expected: string) => {
  t.is((await runInApp('python', {script: '$BUILDPACK/bin/detect .', files})).output, expected);
});

ava('an app with a requirements.txt is Python', detects, {'requirements.txt': ''}, 'Python');
ava('a project in pyproject.toml is Python', detects, {'pyproject.toml': '[project]\nname = "shop"\n'}, 'Python');
ava('a pyproject.toml that only holds the settings of a tool is none', detects, {'pyproject.toml': '[tool.ruff]\nline-length = 100\n'}, '');

const choosesFile = ava.macro(async (t, files: Files, expected: string) => {
  const {output} = await runInApp('python', {script: 'source $BUILDPACK/lib/common.sh; source $BUILDPACK/lib/dependencies.sh; check_files; echo "takes $PACKAGES_FILE"', files});
  t.is(output, expected);
});

ava('a lock file counts before pyproject.toml', choosesFile, {'pyproject.toml': '[project]', 'uv.lock': ''}, 'takes uv.lock');
ava('a project without a lock file is installed as it is', choosesFile, {'pyproject.toml': '[project]'}, 'takes pyproject.toml');
ava('two lists of packages are refused by name', choosesFile, {'requirements.txt': '', 'poetry.lock': ''}, ' !     Multiple Python package manager files were found: requirements.txt poetry.lock. Keep the one that is meant, and delete the others');
ava('a Pipfile without its lock file is refused', choosesFile, {Pipfile: ''}, " !     No Pipfile.lock found beside Pipfile: run 'pipenv lock' and commit it");
ava('the lock file of PDM is refused, with the way out', choosesFile, {'pyproject.toml': '[project]', 'pdm.lock': ''}, " !     pdm.lock is not supported: run 'pdm export --prod --output requirements.txt' and commit that file");

const wants = ava.macro(async (t, files: Files, expected: string) => {
  const {output} = await runInApp('python', {script: 'source $BUILDPACK/lib/version.sh; wanted_version; echo "${wanted:-none} ${origin:-}"', files});
  t.is(output.trim(), expected);
});

ava('.python-version counts before runtime.txt, comments do not', wants, {'.python-version': '# ours\n3.13\n', 'runtime.txt': 'python-3.9.1'}, '3.13 .python-version');
ava('runtime.txt is read as Heroku reads it', wants, {'runtime.txt': 'python-3.13.5\n'}, '3.13.5 runtime.txt');
ava('an empty .python-version asks for nothing', wants, {'.python-version': '\n'}, 'none .python-version');

/** Both lists, the second behind a line `others`. */
const locks = ava.macro(async (t, files: Files, expected: readonly string[]) => {
  const [file = ''] = Object.keys(files);
  const {output} = await runInApp('python', {script: `mkdir lists && python3 $BUILDPACK/lib/locked.py ${file} lists && cat lists/hashed.txt && echo others && cat lists/others.txt`, files});
  t.deepEqual(output.split('\n').filter((line) => line !== ''), expected);
});

test('Pipfile.lock: packages of another system are left out, sources that are not PyPI are asked as well', locks, {
  'Pipfile.lock': JSON.stringify({
    _meta: {sources: [{url: 'https://pypi.org/simple'}, {url: 'https://packages.example.com/simple'}]},
    default: {
      flask: {version: '==3.1.0', hashes: ['sha256:bb', 'sha256:aa']},
      colorama: {version: '==0.4.6', hashes: ['sha256:cc'], markers: "sys_platform == 'win32'"},
      ours: {git: 'https://example.com/ours.git', ref: 'abc123'},
      part: {path: 'libs/part', editable: true},
    },
    develop: {pytest: {version: '==8.4.0', hashes: ['sha256:dd']}},
  }),
}, ['--extra-index-url https://packages.example.com/simple', 'flask==3.1.0 --hash=sha256:aa --hash=sha256:bb', 'others', '--extra-index-url https://packages.example.com/simple', '--editable=./libs/part', 'ours @ git+https://example.com/ours.git@abc123']);

const POETRY_1 = `[[package]]
name = "Flask"
version = "3.1.0"
optional = false
files = [{file = "flask.whl", hash = "sha256:aa"}]
[package.dependencies]
click = ">=8"
colorama = {version = "*", markers = "sys_platform == 'win32'"}
[[package]]
name = "click"
version = "8.2.0"
optional = false
files = [{file = "click.whl", hash = "sha256:bb"}]
[[package]]
name = "colorama"
version = "0.4.6"
optional = false
files = [{file = "colorama.whl", hash = "sha256:cc"}]
[[package]]
name = "pytest"
version = "8.4.0"
optional = false
files = [{file = "pytest.whl", hash = "sha256:dd"}]
[metadata]
lock-version = "2.0"
`;

test('poetry.lock of Poetry 1: what the app’s own dependencies need, without those of its groups', locks, {
  'poetry.lock': POETRY_1,
  'pyproject.toml': '[tool.poetry.dependencies]\npython = "^3.11"\nflask = "^3.1"\n[tool.poetry.group.dev.dependencies]\npytest = "*"\n',
}, ['click==8.2.0 --hash=sha256:bb', 'flask==3.1.0 --hash=sha256:aa', 'others']);

test('poetry.lock of Poetry 1 with two versions of a package is refused, not guessed', locks, {
  'poetry.lock': `${POETRY_1}[[package]]\nname = "click"\nversion = "7.0"\noptional = false\nfiles = []\n`.replace('[metadata]\nlock-version = "2.0"\n', ''),
  'pyproject.toml': '[tool.poetry.dependencies]\nflask = "^3.1"\n',
}, [" !     poetry.lock has click in the versions 8.2.0 and 7.0, and does not say which one is for this machine: run 'poetry lock' with Poetry 2"]);

test('uv.lock: extras that are asked for, exact versions where there are several, folders of the workspace', locks, {
  'uv.lock': `version = 1
[[package]]
name = "shop"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "httpx", extra = ["http2"] }, { name = "part" }, { name = "numpy", version = "2.0", source = { registry = "https://pypi.org/simple" }, marker = "python_full_version >= '3.11'" }, { name = "numpy", version = "1.0", source = { registry = "https://pypi.org/simple" }, marker = "python_full_version < '3.11'" }]
[[package]]
name = "httpx"
version = "0.28"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://example.com/httpx.tar.gz", hash = "sha256:bb" }
wheels = [{ url = "https://example.com/httpx.whl", hash = "sha256:aa" }]
[package.optional-dependencies]
http2 = [{ name = "h2" }]
socks = [{ name = "socksio" }]
[[package]]
name = "h2"
version = "4.2"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://example.com/h2.whl", hash = "sha256:cc" }]
[[package]]
name = "socksio"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://example.com/socksio.whl", hash = "sha256:dd" }]
[[package]]
name = "numpy"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://example.com/numpy1.whl", hash = "sha256:11" }]
[[package]]
name = "numpy"
version = "2.0"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://example.com/numpy2.whl", hash = "sha256:22" }]
[[package]]
name = "part"
version = "1"
source = { editable = "packages/part" }
`,
}, ['h2==4.2 --hash=sha256:cc', 'httpx==0.28 --hash=sha256:aa --hash=sha256:bb', 'numpy==2.0 --hash=sha256:22', 'others', '--editable=./packages/part']);

test('a lock file that is none is refused by name', locks, {'uv.lock': 'version = '}, [' !     uv.lock can\'t be read: Invalid value (at end of document)']);

const inRange = ava.macro(async (t, pyproject: string, expected: RegExp | undefined) => {
  const {exitCode, output} = await runInApp('python', {script: 'python3 $BUILDPACK/lib/range.py', files: {'pyproject.toml': pyproject}});
  if (expected === undefined) t.deepEqual([exitCode, output], [0, '']);
  else t.regex(output, expected);
});

test('a range that this Python is in says nothing', inRange, '[project]\nrequires-python = ">=3.9,<4"\n', undefined);
test('Poetry’s caret has an upper bound', inRange, '[tool.poetry.dependencies]\npython = "^2.7"\n', /pyproject\.toml asks for Python "\^2\.7"/);
test('Poetry’s caret includes later versions of the same first number', inRange, '[tool.poetry.dependencies]\npython = "^3.6"\n', undefined);
test('a range that this Python is not in is refused', inRange, '[project]\nrequires-python = ">=4"\n', /asks for Python ">=4", and this stack has 3\./);
