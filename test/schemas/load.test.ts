import test from 'ava';
import {validateFiles} from '../../reconciler/desired/validate.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest, MANIFEST_BYTES_MAX, type Kind} from '../../schemas/load.ts';
import {app, cluster, release} from '../support/manifests.ts';

const APP = 'apiVersion: flynn/v1\nkind: App\n';

function problemsOf(kind: Kind, text: string): string {
  const result = loadManifest(kind, 'f', text);
  return result.ok ? '' : result.problem.map(formatDiagnostic).join('\n');
}

const reports = test.macro({
  exec(t, text: string, expected: string, kind: Kind = 'App') {
    t.is(problemsOf(kind, text), expected);
  },
  title: (name) => `a manifest is refused for ${name}`,
});

test('unknown fields, with what was probably meant', reports, `${APP}services:
  web:
    replcas: 2
    stopgrace: 3
    memory: 3
`, `f:5:5: unknown field "replcas"; did you mean "replicas"?
f:6:5: unknown field "stopgrace"; did you mean "stopGraceSeconds"?
f:7:5: unknown field "memory"; known are command, replicas, port, env, limits, requests, priority, stopGraceSeconds, check, strategy, volumes, tmpfs, readOnlyRoot, privileged, capabilities, hostNetwork, hostPaths, dockerSocket`);
test('a field with two letters in the wrong order', reports, `${APP}services: {web: {chekc: {http: /}}}\n`, 'f:3:18: unknown field "chekc"; did you mean "check"?');
test('blank values, which are not the same as no value', reports, `${APP}services:
  web:
    port:
  worker:
`, `f:5:5: services.web.port is blank: give it a value, or remove the line
f:6:3: services.worker is blank: give it a value, or remove the line`);
test('wrong first lines', reports, 'kind: Ap\n', `f:1:1: apiVersion is missing: the first line should be "apiVersion: flynn/v1"
f:1:7: kind must be "App", not "Ap"`);
test('no first lines', reports, 'env: {}\n', `f:1:1: apiVersion is missing: the first line should be "apiVersion: flynn/v1"
f:1:1: kind is missing: the second line should be "kind: App"`);
test('another version', reports, 'apiVersion: v2\nkind: App\n', 'f:1:13: apiVersion must be "flynn/v1", not "v2"');
test('being empty', reports, '# nothing\n', 'f:1:1: is empty: the first lines should be "apiVersion: flynn/v1" and "kind: App"');
test('not being a mapping', reports, '- a\n', 'f:1:1: the file must be a mapping (name: value)');
test('keys that are there twice', reports, `${APP}env: {A: 1}\nenv: {B: 1, B: 2}\n`, 'f:4:1: "env" is there twice\nf:4:13: "B" is there twice');
test('tabs', reports, `${APP}services:\n\tweb: {}\n`, 'f:4:1: a tab indents this line: YAML wants spaces');
test('a second document', reports, `${APP}---\n${APP}`, 'f:3:1: a second document begins here: write one manifest per file');
test('a tag', reports, `${APP}env: {A: !secret x}\n`, 'f:3:10: unresolved tag: !secret');
test('a merge key', reports, `${APP}services:\n  a: &a {port: 1}\n  b:\n    <<: *a\n`, 'f:6:5: merge keys (<<) are not understood: write the fields out, or use an alias for a whole value');
test('a mistake behind an alias, where it is written', reports, `${APP}services:\n  a: &a {port: x}\n  b: *a\n`,
  'f:4:16: services.a.port must be a whole number from 1 to 65535, not "x"\nf:4:16: services.b.port must be a whole number from 1 to 65535, not "x"');
test('names that can not be hosts', reports, `${APP}services: {My_Web: {}, ${'a'.repeat(31)}: {}, __proto__: {}}\n`,
  ['12', '24', '61'].map((column, index) => `f:3:${column}: "${['My_Web', 'a'.repeat(31), '__proto__'][index]}" in services must be a name: small letters, digits and inner dashes, at most 30 characters`).join('\n'));
test('two checks, or none', reports, `${APP}services: {a: {port: 1, check: {tcp: true, http: /}}, b: {port: 1, check: {retries: 2}}}\n`,
  'f:3:32: services.a.check must have exactly one of http, tcp and command\nf:3:75: services.b.check must have exactly one of http, tcp and command');
test('a check without a port', reports, `${APP}services: {a: {check: {http: /}}}\n`, 'f:3:23: the check of "a" needs a port: add `port:` to the service, or to the check');
test('sizes without a unit that we know', reports, `${APP}services: {web: {limits: {memory: 512m}}, a: {limits: {memory: 512}}, b: {limits: {memory: 1Mi}}}\n`,
  'f:3:35: services.web.limits.memory must be a size with a unit, such as 256Mi, 1Gi or 512M, not "512m"\nf:3:64: services.a.limits.memory must be a size with a unit, such as 256Mi, 1Gi or 512M, not "512"');
test('less memory than the engine can give', reports, `${APP}services: {b: {limits: {memory: 5Mi}}}\n`, 'f:3:33: memory must be at least 6Mi, not "5Mi"');
test('more kept for a copy than it may use', reports, `${APP}services: {b: {limits: {memory: 64Mi, cpus: 0.5}, requests: {memory: 1Gi, cpus: 1}}}\n`, `f:3:70: memory "1Gi" is more than limits.memory "64Mi": what is kept for a copy can't be more than it may use
f:3:81: cpus 1 is more than limits.cpus 0.5: what is kept for a copy can't be more than it may use`);
test('a class that there is not', reports, `${APP}services: {b: {priority: highest}}\n`, 'f:3:26: services.b.priority must be one of system, high, normal, low, batch, not "highest"');
test('a reserve beside a capacity', reports, 'apiVersion: flynn/v1\nkind: Node\ncapacity: {memory: 4Gi}\nreserve: {memory: 1Gi, cpus: 0.5}\n', 'f:4:19: reserve.memory has no meaning beside capacity.memory: the capacity is what replicas may have, nothing is taken from it', 'Node');
test('numbers out of range', reports, `${APP}services: {web: {replicas: 1001, port: 0, limits: {cpus: 0}, stopGraceSeconds: -1}}\n`, `f:3:28: services.web.replicas must be a whole number from 0 to 1000, not "1001"
f:3:40: services.web.port must be a whole number from 1 to 65535, not "0"
f:3:58: services.web.limits.cpus must be a number from 0.01 to 1024, not "0"
f:3:80: services.web.stopGraceSeconds must be a number from 0 to 3600, not "-1"`);
test('strategies that there are not', reports, `${APP}services:
  a: {strategy: rollign}
  b: {strategy: {batch: 2}}
  c: {strategy: {kind: rolling, batch: 0}}
`, `f:4:17: services.a.strategy must be one of rolling, all-at-once, stop-first, blue-green, canary, or such a kind with its options: {kind: rolling, batch: 2}, not "rollign"
f:5:17: services.b.strategy.kind is missing
f:6:40: services.c.strategy.batch must be a whole number from 1 to 1000, not "0"`);
test('options that another strategy has', reports, `${APP}services:
  c: {strategy: {kind: all-at-once, batch: 2}}
  d: {strategy: {kind: rolling, keepOldSeconds: 2, steps: [{weight: 5, pauseSeconds: 1}]}}
`, `f:4:44: batch is an option of rolling and stop-first: all-at-once starts all new replicas at once
f:5:49: keepOldSeconds is an option of blue-green: rolling stops the old replicas once the new ones have their place
f:5:59: steps is an option of canary: rolling moves the traffic as its replicas become healthy`);
test('PORT beside port', reports, `${APP}env: {PORT: 3000}\nservices: {api: {port: 1, env: {PORT: 2}}, job: {env: {PORT: 2}}}\n`,
  'f:3:13: PORT can\'t be set here: it is `services.web.port`, so set that to "3000"\nf:4:39: PORT can\'t be set here: it is `services.api.port`, so set that to "2"');
test('env values that are no text, without repeating them', reports, `${APP}env: {A: [s3cret], B: , 1C: x}\n`, `f:3:10: env.A must be text or a number or true or false
f:3:20: env.B is blank: give it a value, or remove the line
f:3:25: "1C" in env must be the name of a variable: letters, digits and _, not a digit first`);
test('routes that no router could serve', reports, `${APP}routes:
  - host: https://Shop.com
  - {host: a.b, path: /api/}
  - {host: a.b, path: /../x}
  - path: /x
`, `f:4:11: routes.0.host must be a host name in small letters such as shop.example.com, "*.example.com" or "*", without scheme, port or path, not "https://Shop.com"
f:5:23: routes.1.path must be a path such as / or /api, without a slash at its end, not "/api/"
f:6:23: routes.2.path must be a path such as / or /api, without a slash at its end, not "/../x"
f:7:5: routes.3.host is missing`);
test('a route that is there twice', reports, `${APP}routes: [{host: a.b}, {host: a.b, path: /}]\n`, 'f:3:23: route "a.b/" is there twice');
test('volumes of many replicas, sizes that nobody keeps, places that are taken', reports, `${APP}services:
  web: {replicas: 2, volumes: {data: {path: /data, size: 1Gi}}}
  api: {volumes: {a: {path: /a}, b: {path: /a}}, tmpfs: {/a: 1Ki}}
`, `f:4:19: a service with volumes has one replica, not 2: two at once would write to the same files without knowing of each other
f:4:31: a service with volumes needs \`strategy: stop-first\`: two at once would write to the same files without knowing of each other
f:4:58: size can't be kept: Docker's volumes have no limit but the node's disk; leave it out
f:5:18: a service with volumes needs \`strategy: stop-first\`: two at once would write to the same files without knowing of each other
f:5:44: "/a" is the place of something else already
f:5:62: tmpfs must have at least 4Ki, not "1Ki"
f:5:62: "/a" is the place of something else already`);
test('paths that lead elsewhere', reports, `${APP}services: {web: {volumes: {data: {path: data}, x: {path: /a/../b}}, tmpfs: {/: 1Mi}, hostPaths: {/srv/: {path: /x}}, capabilities: [cap_net_admin]}}\n`, `f:3:41: services.web.volumes.data.path must be an absolute path such as /data, without .. and without a slash at its end, not "data"
f:3:58: services.web.volumes.x.path must be an absolute path such as /data, without .. and without a slash at its end, not "/a/../b"
f:3:77: "/" in services.web.tmpfs must be an absolute path such as /data, without .. and without a slash at its end
f:3:98: "/srv/" in services.web.hostPaths must be an absolute path such as /data, without .. and without a slash at its end
f:3:133: services.web.capabilities.0 must be a capability such as NET_ADMIN, in capitals and without CAP_, not "cap_net_admin"`);
test('a release that is not whole', reports, `apiVersion: flynn/v1
kind: Release
image: web:latest
source: {commit: ${'1'.repeat(40)}, builder: Node.js}
services: {web: {command: node x}}
createdAt: 2026-11-23
`, `f:1:1: pushedBy is missing
f:3:8: image must be an image by its digest: sha256: and 64 hex digits, not "web:latest"
f:4:18: source.commit must be the 40 hex digits of a commit, in quotes, not "1.1111111111111112e+39"
f:5:27: services.web.command must be a list, not "node x"
f:6:12: createdAt must be a time in UTC such as 2026-11-23T09:30:00Z, not "2026-11-23"`, 'Release');
test('a cluster without a domain', reports, 'apiVersion: flynn/v1\nkind: Cluster\nname: x\nbuilds: {memory: 1Mi}\n', 'f:1:1: domain is missing', 'Cluster');
test('networks that do not fit into their range', reports, 'apiVersion: flynn/v1\nkind: Cluster\nname: x\ndomain: x.y\nnetworks: {range: 10.0.0.0/26}\n', 'f:5:11: networks of prefix 25 are larger than their range "10.0.0.0/26": take a larger number', 'Cluster');
test('a range that is none, or not where it begins', reports, 'apiVersion: flynn/v1\nkind: Cluster\nname: x\ndomain: x.y\nnetworks: {range: 10.0.1.0/16}\n', 'f:5:19: networks.range has bits beyond its prefix, not "10.0.1.0/16": it would be "10.0.0.0/16"', 'Cluster');
test('a node with a field of another kind', reports, 'apiVersion: flynn/v1\nkind: Node\nreplicas: 2\ncordon: yes\nlabels: {a: 1}\n', `f:3:1: unknown field "replicas"; known are apiVersion, kind, address, labels, capacity, reserve, signingKey, cordon, drain
f:4:9: cordon must be true or false, not "yes"
f:5:13: labels.a must be text, in quotes where it looks like a number, not "1"`, 'Node');
test('half of a character', reports, `${APP}env: {A: "x\\ud83d"}\n`, 'f:3:10: has half of a character: \\ud800 to \\udfff come in pairs only');
test('an alias to nothing', reports, `${APP}env: {A: *b}\n`, 'f:3:10: "*b" has to be in quotes: without them YAML takes it for an alias, and there is no anchor "&b" before it');
test('a wildcard without quotes', reports, `${APP}routes:\n  - host: *.example.com\n`, 'f:4:11: "*.example.com" has to be in quotes: without them YAML takes it for an alias, and there is no anchor "&.example.com" before it');
test('a catch-all without quotes', reports, `${APP}routes: [{host: *}]\n`, 'f:3:17: alias cannot be an empty string: a text that begins with * has to be in quotes, such as "*"');

const BOMB = `a: &a [${'x,'.repeat(10)}]\nb: &b [${'*a,'.repeat(10)}]\nc: &c [${'*b,'.repeat(10)}]\nd: [${'*c,'.repeat(10)}]\n`;
test('an alias bomb', reports, BOMB, 'f:1:1: has an alias that can\'t be expanded: Excessive alias count indicates a resource exhaustion attack');
test('being too large', reports, `${APP}#${'x'.repeat(MANIFEST_BYTES_MAX)}`, 'f:1:1: is larger than 256 KiB');

test('a manifest is refused for being nested too deeply', (t) => {
  t.regex(problemsOf('App', '['.repeat(200_000)), /^f:1:\d+: is nested too deeply$/);
});

test('what is long, and takes the parser its time, is read once for all who ask', (t) => {
  const text = `${APP}env: ${'['.repeat(50_000)}\n`;
  const first = loadManifest('App', 'f', text);
  t.is(loadManifest('App', 'f', text), first);
  t.not(loadManifest('App', 'g', text), first);
  t.not(loadManifest('Cluster', 'f', text), first);
  t.not(loadManifest('App', 'f', `${text}#\n`), first);
});

test('a problem has an end, however long what is wrong is', (t) => {
  for (const text of [`a: ${'|'.repeat(100_000)}\n`, `? ${'k'.repeat(100_000)}\n: 1\n`]) {
    const told = problemsOf('App', `${APP}${text}`);
    t.true(told.length < 2000 && told.endsWith('…'), told.slice(0, 100));
  }
});

test('a file with a mistake in each of 500 lines tells the first 50', (t) => {
  const text = `${APP}services:\n${Array.from({length: 500}, (_, index) => `  s${index}: {port: x}\n`).join('')}`;
  t.is(problemsOf('App', text).split('\n').length, 50);
});

const reads = test.macro({
  exec(t, text: string, expected: object, kind: Kind = 'App') {
    t.deepEqual(loadManifest(kind, 'f', text), {ok: true, value: expected as never});
  },
  title: (name) => `a manifest may have ${name}`,
});

test('nothing but its first lines', reads, APP, {apiVersion: 'flynn/v1', kind: 'App'});
test('env values that look like numbers, which stay as they are written', reads, `${APP}env: {A: 1.10, B: 007, C: true, D: 1e3, E: "x", F: yes}\nservices: {web: {env: {G: 0x10}}}\n`, {
  apiVersion: 'flynn/v1', kind: 'App', env: {A: '1.10', B: '007', C: 'true', D: '1e3', E: 'x', F: 'yes'}, services: {web: {env: {G: '0x10'}}},
});
test('an alias for a number in env, which is text there only', reads, `${APP}services: {web: {port: &p 8010}}\nenv: {API_PORT: *p}\n`, {
  apiVersion: 'flynn/v1', kind: 'App', services: {web: {port: 8010}}, env: {API_PORT: '8010'},
});
test('aliases', reads, `${APP}services:\n  a: &a {limits: {memory: 1Gi}}\n  b: *a\n`, {
  apiVersion: 'flynn/v1', kind: 'App', services: {a: {limits: {memory: '1Gi'}}, b: {limits: {memory: '1Gi'}}},
});
test('a service with the name of what every object has', reads, `${APP}services: {constructor: {replicas: 1}}\n`, {
  apiVersion: 'flynn/v1', kind: 'App', services: {constructor: {replicas: 1}},
});
test('more lines than anybody writes', reports, `${APP}${'#\n'.repeat(20_000)}`, 'f:10000:1: has more than 10000 lines');
test('more entries than anybody writes, in block style', reports, `${APP}env:\n${Array.from({length: 6000}, (_, index) => `  K${index}: x\n`).join('')}`, 'f:4:3: 6000 entries begin here, at most 5000 are read');
test('more entries than anybody writes, on a line', reports, `${APP}env: {${Array.from({length: 20_000}, (_, index) => `K${index}: x`).join(', ')}}\n`, 'f:3:6: 20000 entries begin here, at most 5000 are read');

test('a thousand routes to nowhere are told of in one go', (t) => {
  const routes = Array.from({length: 1000}, (_, index) => `  - {host: a${index}.example.com, service: nope, path: /${'x'.repeat(180)}}\n`).join('');
  const problems = validateFiles([cluster(), app('shop', `services: {web: {replicas: 1}}\nroutes:\n${routes}`), release('shop', 1)], 'flynn.localhost');
  t.is(problems.length, 50);
  t.like(problems[49], {file: 'apps/shop/app.yaml', line: 54});
});
