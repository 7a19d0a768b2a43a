import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';

interface Rule {
  /** Files and folders of ours whose values may be used; their types too. */
  readonly values?: readonly string[];
  /** Files and folders of ours of which only types may be used. */
  readonly types?: readonly string[];
  readonly packages?: readonly string[];
}

const SCHEMAS = 'schemas/';
const ADAPTERS = 'reconciler/adapters/';
/** One after the other, and who waits gives up when nobody waits for him. */
const MUTEX = 'reconciler/mutex.ts';
/** Whoever waits may need it, in every folder. */
const ANY_SIGNAL = 'reconciler/any-signal.ts';
/** What a node is told, and where its things are. */
const NODE_FACTS = ['reconciler/app-ids.ts', 'reconciler/layout.ts', 'reconciler/settings.ts'];
const STATES = ['reconciler/desired/state.ts', 'reconciler/observed/state.ts', 'reconciler/observed/ports.ts', 'reconciler/observed/pushed.ts', 'reconciler/observed/structure.ts', 'reconciler/observed/system.ts', 'reconciler/observed/certified.ts', 'reconciler/desired/certificates-state.ts'];
/** The folders of the pass and those around it. */
const FOLDERS = ['access', 'adapters', 'checkout', 'commits', 'proposals', 'desired', 'observed', 'plan', 'apply', 'status', 'logs', 'drains', 'router', 'build', 'builds', 'release', 'receive', 'oneshot', 'api', 'secrets', 'signatures', 'source', 'ssh', 'volumes', 'preview', 'forge', 'oidc'].map((name) => `reconciler/${name}/`);
/** The names that apps are answered under: pure, and needed by who looks, who plans and who acts. */
const ROUTER = 'reconciler/router/';

/**
 * What each folder may import beside itself; the longest folder that fits a file counts. All else is forbidden, so that an exception is
 * visible here, and the map in the README files stays true.
 */
const MAY_IMPORT: Readonly<Record<string, Rule>> = {
  // Below everything.
  'schemas': {values: ['package.json'], packages: ['ajv', 'node-cron', 'yaml', 'node:crypto', 'node:fs']},

  // The pass, in its order. Nobody here knows of the parts around it.
  'reconciler/adapters': {packages: ['node:', 'chokidar', 'dockerode', 'execa', 'isomorphic-git', 'protobufjs/minimal.js']},
  'reconciler/checkout': {values: [SCHEMAS, ADAPTERS, MUTEX, 'reconciler/commits/', ...NODE_FACTS], packages: ['node:']},
  'reconciler/desired': {values: [SCHEMAS, 'reconciler/access/'], types: ['reconciler/checkout/snapshot.ts', 'reconciler/build/build.ts'], packages: ['node:crypto', 'node:util']},
  /** What a change would do, for people. Pure. */
  'reconciler/preview': {values: [SCHEMAS, 'reconciler/desired/'], packages: ['yaml']},
  'reconciler/observed': {values: [SCHEMAS, ADAPTERS, ROUTER, 'reconciler/labels.ts', ...NODE_FACTS], types: STATES, packages: ['node:']},
  'reconciler/plan': {values: ['schemas/app-id.ts', 'schemas/registry-names.ts', 'schemas/result.ts', 'schemas/route-place.ts', 'schemas/schedule.ts', 'schemas/subnet.ts', 'reconciler/desired/room.ts', 'reconciler/backoff.ts', `${ROUTER}domains.ts`, `${ROUTER}names.ts`, `${ROUTER}same.ts`, `${ROUTER}times.ts`, `${ROUTER}shifts.ts`], types: [SCHEMAS, ...STATES]},
  'reconciler/apply': {
    values: [SCHEMAS, ADAPTERS, ROUTER, 'reconciler/labels.ts', 'reconciler/backoff.ts', 'reconciler/plan/action.ts', 'reconciler/plan/format.ts', ...NODE_FACTS],
    types: STATES,
    packages: ['node:'],
  },
  'reconciler/status': {
    values: [SCHEMAS, 'reconciler/plan/', 'reconciler/logs/', 'reconciler/labels.ts', 'reconciler/backoff.ts', ...NODE_FACTS],
    types: [ADAPTERS, 'reconciler/node.ts', 'reconciler/checkout/snapshot.ts', 'reconciler/source/status.ts', ...STATES],
    packages: ['node:'],
  },
  /** What apps wrote: kept on disk, read, sent on. Events are kept the same way. */
  'reconciler/logs': {values: [SCHEMAS], types: [ADAPTERS, 'reconciler/node.ts'], packages: ['node:']},
  'reconciler/drains': {values: [SCHEMAS, 'reconciler/logs/'], types: ['reconciler/node.ts'], packages: ['node:']},
  'reconciler/router': {values: [SCHEMAS, 'reconciler/ssh/', 'reconciler/labels.ts', ...NODE_FACTS], types: [ADAPTERS, ...STATES], packages: ['node:']},
  /** Git over SSH: what sshd is told, and how its clients come to us. */
  'reconciler/ssh': {values: [SCHEMAS, ...NODE_FACTS], packages: ['node:']},
  /** The node's keys: below everything that seals or opens something. */
  'reconciler/secrets': {values: [SCHEMAS], packages: ['node:', 'age-encryption']},
  /** Who has signed a commit, and what this node signs with. */
  'reconciler/signatures': {values: [SCHEMAS, ADAPTERS, 'reconciler/access/'], types: ['reconciler/checkout/snapshot.ts'], packages: ['node:', 'openpgp']},
  /** The loop puts the folders of the pass together, `wiring/` those around it. */
  'reconciler': {values: [SCHEMAS, 'buildpacks/', 'reconciler/wiring/', ...FOLDERS], packages: ['node:', 'yaml']},
  'reconciler/wiring': {
    values: [MUTEX, SCHEMAS, 'buildpacks/', 'reconciler/labels.ts', 'reconciler/backoff.ts', ...NODE_FACTS, ...FOLDERS],
    types: ['reconciler/node.ts', 'reconciler/loop.ts', 'dockerode', 'fastify', ...STATES],
    packages: ['node:', 'yaml'],
  },

  /** What people do to containers without a commit: what is left of it is for the pass. */
  'reconciler/oneshot': {
    values: [SCHEMAS, ADAPTERS, 'reconciler/apply/replica-spec.ts', 'reconciler/desired/restarted.ts', 'reconciler/desired/room.ts', 'reconciler/observed/runs.ts', 'reconciler/plan/', 'reconciler/labels.ts'],
    types: ['reconciler/checkout/snapshot.ts', ...STATES],
    packages: ['node:', 'dockerode'],
  },

  // Around the pass: they make commits or ask questions, and never change a container of an app.
  'reconciler/commits': {values: [SCHEMAS, ADAPTERS, MUTEX, 'reconciler/checkout/snapshot.ts', ...NODE_FACTS], packages: ['node:', 'yaml']},
  /** Who may do what: pure. */
  'reconciler/access': {values: [SCHEMAS, 'reconciler/checkout/snapshot.ts'], packages: ['node:path']},
  /** Changes that wait for others: branches of our own cluster repository. */
  'reconciler/proposals': {
    values: [SCHEMAS, ADAPTERS, MUTEX, 'reconciler/access/', 'reconciler/checkout/', 'reconciler/commits/', 'reconciler/desired/', 'reconciler/preview/', 'reconciler/api/authenticate.ts'],
    types: ['reconciler/forge/status.ts'],
    packages: ['node:', 'yaml'],
  },
  /** Tokens that identity providers have signed: whether they are good, not what may be done with them. */
  'reconciler/oidc': {values: [SCHEMAS, 'reconciler/access/'], packages: ['node:crypto', 'jose']},
  'reconciler/api': {
    values: [SCHEMAS, MUTEX, 'reconciler/access/', 'reconciler/checkout/snapshot.ts', 'reconciler/commits/', 'reconciler/secrets/', 'reconciler/plan/format.ts', 'reconciler/oneshot/oneshot.ts', 'reconciler/logs/traffic.ts', 'reconciler/status/commit-status.ts', ...NODE_FACTS],
    types: ['reconciler/node.ts', 'reconciler/plan/action.ts', 'reconciler/status/', 'reconciler/receive/', 'reconciler/builds/', 'reconciler/proposals/', 'reconciler/release/', 'reconciler/source/status.ts', 'reconciler/forge/status.ts', 'reconciler/volumes/', 'reconciler/ssh/', 'reconciler/oidc/', 'reconciler/build/build.ts'],
    packages: ['node:', 'ajv', 'fastify', '@fastify/rate-limit', '@fastify/websocket', 'yaml'],
  },
  'reconciler/release': {
    values: [SCHEMAS, ADAPTERS, 'reconciler/checkout/', 'reconciler/commits/', 'reconciler/desired/', 'reconciler/access/', 'reconciler/build/output.ts', 'reconciler/labels.ts', ...NODE_FACTS],
    types: ['reconciler/node.ts', 'reconciler/proposals/', 'reconciler/status/'],
    packages: ['node:', 'dockerode', 'yaml'],
  },
  /** Data of apps: asked for by people, part of no plan. */
  'reconciler/volumes': {values: [SCHEMAS, ADAPTERS, 'reconciler/checkout/snapshot.ts', 'reconciler/labels.ts', ...NODE_FACTS], packages: ['node:', 'dockerode']},
  /** Around each build: its record, its turn, its end. */
  'reconciler/builds': {
    values: [SCHEMAS, 'reconciler/build/output.ts', MUTEX, 'reconciler/oneshot/oneshot.ts', 'reconciler/release/refused.ts'],
    types: ['reconciler/build/build.ts', 'reconciler/checkout/snapshot.ts'],
    packages: ['node:'],
  },
  'reconciler/receive': {
    values: [SCHEMAS, ADAPTERS, 'reconciler/checkout/', 'reconciler/commits/', 'reconciler/desired/', 'reconciler/release/', 'reconciler/secrets/', 'reconciler/access/', 'reconciler/api/', 'reconciler/builds/', 'reconciler/ssh/', 'reconciler/proposals/', 'reconciler/build/output.ts', ...NODE_FACTS],
    types: ['reconciler/node.ts', 'reconciler/oneshot/', 'reconciler/build/build.ts', 'reconciler/status/'],
    packages: ['node:', 'fastify', 'execa'],
  },
  /** Sources that are followed elsewhere: says when what is to be deployed, not how. */
  'reconciler/source': {
    values: [SCHEMAS, ADAPTERS, 'reconciler/checkout/snapshot.ts', 'reconciler/api/stream.ts'],
    types: ['reconciler/desired/state.ts'],
    packages: ['node:'],
  },
  /** Tells the forge that the repository is followed from: around the pass, and never in its way. */
  'reconciler/forge': {
    values: [SCHEMAS, ADAPTERS, 'reconciler/checkout/pieces.ts', 'reconciler/checkout/snapshot.ts', 'reconciler/desired/', 'reconciler/preview/', 'reconciler/source/signature.ts'],
    types: ['reconciler/checkout/repo.ts', 'reconciler/source/status.ts'],
    packages: ['node:'],
  },
  'reconciler/build': {values: [SCHEMAS, ADAPTERS, 'buildpacks/', MUTEX, 'reconciler/labels.ts', ...NODE_FACTS], packages: ['node:', '@balena/dockerignore', 'dockerode', 'execa', 'smol-toml', 'yaml']},
  'buildpacks': {values: [SCHEMAS, ADAPTERS, 'reconciler/labels.ts', ...NODE_FACTS], types: ['reconciler/build/'], packages: ['node:', 'dockerode', 'execa']},
  'cli': {
    values: [SCHEMAS, 'cli/', 'reconciler/api/author.ts', 'reconciler/api/frames.ts', 'reconciler/desired/', ...NODE_FACTS],
    types: ['reconciler/api/', 'reconciler/node.ts', 'reconciler/status/', 'reconciler/release/', 'reconciler/plan/action.ts', 'reconciler/checkout/snapshot.ts', 'reconciler/source/status.ts', 'reconciler/ssh/answer.ts'],
    packages: ['node:', 'ws', 'yaml'],
  },
  /** Talks to the engine before there is a node, and puts the node together. */
  'cli/setup': {values: [SCHEMAS, 'cli/', 'reconciler/', 'buildpacks/'], packages: ['node:', 'dockerode', 'execa', 'yaml']},
  /** A node in one file, and back: on its own machine, where its keys are. */
  'cli/backup': {values: [SCHEMAS, 'cli/', 'reconciler/', 'buildpacks/'], types: ['dockerode'], packages: ['node:', 'age-encryption', 'execa']},
  /** People sign in at an identity provider: loaded by who does. */
  'cli/sign-in': {values: [SCHEMAS, 'cli/'], packages: ['node:', 'openid-client']},
  /** The API over a clone of the cluster repository, in this process. */
  'cli/offline': {values: [SCHEMAS, 'cli/', 'reconciler/api/', 'reconciler/desired/', 'reconciler/proposals/elsewhere.ts', 'reconciler/checkout/snapshot.ts', ...NODE_FACTS], types: ['reconciler/node.ts', 'reconciler/proposals/', 'reconciler/status/'], packages: ['node:']},
  'cli/output': {values: [SCHEMAS, 'cli/', 'reconciler/preview/'], types: ['reconciler/desired/', 'reconciler/proposals/', 'reconciler/api/', 'reconciler/node.ts', 'reconciler/builds/', 'reconciler/source/status.ts', 'reconciler/oneshot/oneshot.ts', 'reconciler/status/', 'reconciler/release/', 'reconciler/plan/action.ts'], packages: ['node:', 'yaml']},
  'cli/commands': {
    values: [SCHEMAS, 'cli/', 'reconciler/desired/', 'reconciler/preview/', 'reconciler/volumes/format.ts', 'reconciler/secrets/identity-file.ts', ...NODE_FACTS],
    types: ['reconciler/api/', 'reconciler/builds/', 'reconciler/proposals/', 'reconciler/source/status.ts', 'reconciler/volumes/volumes.ts', 'reconciler/oneshot/oneshot.ts', 'reconciler/node.ts', 'reconciler/status/', 'reconciler/release/', 'reconciler/plan/action.ts', 'reconciler/ssh/answer.ts', 'dockerode'],
    packages: ['node:', 'yaml'],
  },
};

/** Whose rule is for the files in them, not for their folders: a new folder there needs a rule of its own. */
const DIRECTLY = ['reconciler', 'cli'];

/** Everything here is a function of its arguments. */
const PURE = ['reconciler/access/', 'reconciler/proposals/approvals.ts', 'reconciler/proposals/numbering.ts', 'reconciler/plan/', 'reconciler/desired/', 'reconciler/preview/', 'reconciler/backoff.ts', 'reconciler/router/names.ts', 'reconciler/router/same.ts', 'reconciler/router/times.ts', 'reconciler/router/shifts.ts', 'reconciler/commits/edits.ts', 'reconciler/commits/yaml-edit.ts'];
const IMPURE = /\b(new Date|Date\.|Math\.random|random(?:UUID|Bytes|Int)|process\.|performance\.|setTimeout|setInterval|setImmediate|async|await|fetch\(|import\()/;

const SOURCE_ROOTS = ['schemas', 'reconciler', 'cli', 'buildpacks'];
const LINES_MAX = 350;
const README_LINES_MAX = 40;
/** A folder this deep or less explains itself: `reconciler/plan` does, `reconciler/build/image` may. */
const README_DEPTH_MAX = 2;

/** Syntax that style.md rules out, where tsc doesn't. */
const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  'a default export': /^export default\b/m,
  'a re-export': /^export (type )?(\*|\{[^}]*\}) from\b/m,
  'an enum': /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w/m,
  'a namespace': /^\s*(export\s+)?(declare\s+)?namespace\s+\w/m,
  'a parameter property': /\bconstructor\s*\(([^)]*,)?\s*(private|public|protected|readonly)\s+\w+\s*[:?]/,
  'any': /(:|<|\bas)\s*any\b/,
};

const FILES = filesBelow('.');
const SOURCES = FILES.filter((file) => file.endsWith('.ts') && SOURCE_ROOTS.some((root) => file.startsWith(`${root}/`)));
const TESTS = FILES.filter((file) => file.endsWith('.ts') && file.startsWith('test/') && !file.startsWith('test/fixtures/'));

for (const folder of Object.keys(MAY_IMPORT)) {
  test(`${folder} imports only what it may`, (t) => {
    const files = SOURCES.filter((file) => ruleOf(file) === folder);
    t.deepEqual(files.flatMap((file) => importsOf(file).filter((one) => !isAllowed(folder, one)).map((one) => `${file} imports ${one.isType ? 'the type of ' : ''}${one.target}`)), []);
  });
}

test('every source file belongs to a folder of the map', (t) => {
  t.deepEqual(SOURCES.filter((file) => ruleOf(file) === undefined), []);
});

test('sources do not import tests', (t) => {
  t.deepEqual(SOURCES.filter((file) => importsOf(file).some(({target}) => target.startsWith('test/'))), []);
});

test('no file is needed to load itself', (t) => {
  const needs = new Map(SOURCES.map((file) => [file, importsOf(file).filter(({isType, isLater}) => !isType && !isLater).map(({target}) => target)]));
  const circles: string[] = [];
  const done = new Set<string>();
  const follow = (file: string, from: readonly string[]) => {
    if (from.includes(file)) circles.push([...from.slice(from.indexOf(file)), file].join(' → '));
    else if (!done.has(file)) needs.get(file)?.forEach((next) => follow(next, [...from, file]));
    done.add(file);
  };
  for (const file of SOURCES) follow(file, []);
  t.deepEqual(circles, []);
});

test('planning, resolving and editing are pure: no clock, no randomness, no waiting', (t) => {
  const files = SOURCES.filter((file) => PURE.some((prefix) => file.startsWith(prefix)));
  t.true(files.length > 0);
  t.deepEqual(files.flatMap((file) => {
    const found = IMPURE.exec(withoutComments(readFileSync(file, 'utf8')));
    return found === null ? [] : [`${file} has ${found[0]}`];
  }), []);
});

for (const [name, pattern] of Object.entries(FORBIDDEN)) {
  test(`no file has ${name}`, (t) => {
    t.deepEqual([...SOURCES, ...TESTS].filter((file) => pattern.test(withoutTexts(withoutComments(readFileSync(file, 'utf8'))))), []);
  });
}

test('no source file has a variable that outlives a call', (t) => {
  t.deepEqual(SOURCES.filter((file) => /^(export )?(let|var)\s/m.test(withoutTexts(withoutComments(readFileSync(file, 'utf8'))))), []);
});

test('signals are joined by anySignal alone', (t) => {
  t.deepEqual(SOURCES.filter((file) => file !== ANY_SIGNAL && withoutComments(readFileSync(file, 'utf8')).includes('AbortSignal.any(')), []);
});

test('relative imports say the whole name of the file', (t) => {
  t.deepEqual([...SOURCES, ...TESTS].flatMap((file) => importsOf(file).filter(({written}) => written.startsWith('.') && !/\.(ts|json)$/.test(written)).map(({written}) => `${file} imports ${written}`)), []);
});

test(`files have at most ${LINES_MAX} lines`, (t) => {
  t.deepEqual([...SOURCES, ...TESTS].map((file) => [file, linesOf(file)] as const).filter(([, lines]) => lines > LINES_MAX), []);
});

test(`every folder says what it is for, in at most ${README_LINES_MAX} lines`, (t) => {
  const folders = [...new Set(SOURCES.map((file) => path.dirname(file)))].filter((folder) => folder.split('/').length <= README_DEPTH_MAX);
  t.deepEqual(folders.filter((folder) => !FILES.includes(`${folder}/README.md`)).map((folder) => `${folder} has no README.md`), []);
  const readmes = FILES.filter((file) => file.endsWith('/README.md') && SOURCE_ROOTS.some((root) => file.startsWith(`${root}/`)));
  t.deepEqual(readmes.map((file) => [file, linesOf(file)] as const).filter(([, lines]) => lines > README_LINES_MAX), []);
});

test('no file names a place that exists on one machine only', (t) => {
  const place = /(?<![\w.~*-])\/(work|farm|tmp\/w|tmp\/n24)(?![\w.-])/;
  const texts = FILES.filter((file) => /\.(ts|js|json|md|ya?ml|sh|html|css|service)$|\/[^./]+$/.test(file) && file !== 'package-lock.json');
  t.deepEqual(texts.flatMap((file) => {
    const line = readFileSync(file, 'utf8').split('\n').findIndex((one) => place.test(one));
    return line === -1 ? [] : [`${file}:${line + 1}`];
  }), []);
});

interface Import {
  /** As it stands in the file. */
  readonly written: string;
  /** A package's name, or a path from the root of the project. */
  readonly target: string;
  readonly isType: boolean;
  /** When the code gets there. */
  readonly isLater: boolean;
}

function importsOf(file: string): readonly Import[] {
  const text = withoutComments(readFileSync(file, 'utf8'));
  const statements = text.matchAll(/^\s*(?:import|export)\s+((?:type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?)['"]([^'"\n]+)['"]/gm);
  const calls = text.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g);
  return [
    ...[...statements].map(([, what = '', written = '']) => ({written, target: targetOf(file, written), isType: isTypeOnly(what), isLater: false})),
    ...[...calls].map(([, written = '']) => ({written, target: targetOf(file, written), isType: false, isLater: true})),
  ];
}

/** `type {A}`, or `{type A, type B}`. */
function isTypeOnly(what: string): boolean {
  if (/^type\s/.test(what)) return true;
  const names = /^\{([^}]*)\}\s+from/.exec(what)?.[1]?.split(',').map((name) => name.trim()).filter((name) => name !== '') ?? [];
  return names.length > 0 && names.every((name) => name.startsWith('type '));
}

function targetOf(file: string, written: string): string {
  return written.startsWith('.') ? path.join(path.dirname(file), written) : written;
}

function isAllowed(folder: string, {target, isType}: Import): boolean {
  const {values = [], types = [], packages = []} = MAY_IMPORT[folder] ?? {};
  const allowed = [ANY_SIGNAL, ...values, ...packages, ...(isType ? types : [])];
  return ruleOf(target) === folder || allowed.some((prefix) => target === prefix || (/[/:]$/.test(prefix) && target.startsWith(prefix)) || target.startsWith(`${prefix}/`));
}

/** The longest folder with a rule that a file is below. */
function ruleOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((folder) => (DIRECTLY.includes(folder) ? path.dirname(file) === folder : file.startsWith(`${folder}/`)))
    .toSorted((a, b) => b.length - a.length)[0];
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

/** Words in a message are not code. */
function withoutTexts(text: string): string {
  return text.replaceAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, "''");
}

function linesOf(file: string): number {
  return readFileSync(file, 'utf8').trimEnd().split('\n').length;
}

/** Files of ours, as paths from the root: what git would keep, but without asking it. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, {withFileTypes: true}).flatMap((entry) => {
    if (['node_modules', '.git', '.runtime'].includes(entry.name) || /\.log$|^\.DS_Store$/.test(entry.name)) return [];
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(file);
    return entry.isFile() ? [file] : [];
  });
}
