import {rm} from 'node:fs/promises';
import type {SchemaObject} from 'ajv';
import test, {type ExecutionContext} from 'ava';
import type {InjectOptions} from 'fastify';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {schemaCompiler} from '../../../reconciler/api/openapi/check.ts';
import type {Document, DocumentedOperation} from '../../../reconciler/api/openapi/document.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {oddText, pick, valueFor, wrongFor, type Maker} from '../../support/from-schema.ts';
import {seededRandom} from '../../support/random.ts';
import {watchAnswers} from './documented.ts';
import {app, COMMIT, FakeView} from './fake-view.ts';

/** Requests for each endpoint: the same ones each time, so that who breaks something is told. `SEED=n` asks others, `FUZZ=n` more. */
const REQUESTS = Number(process.env['FUZZ'] ?? 20);
const SEED = Number(process.env['SEED'] ?? 4711);
const SHOWN_MAX = 40;
const KNOWN: Readonly<Record<string, readonly string[]>> = {app: ['shop', 'blog'], service: ['web', 'worker'], number: ['3', 'v1', '12'], replica: ['web.1'], cron: ['nightly'], run: ['20261125-030000'], volume: ['data'], host: ['shop.example.com'], user: ['ann'], token: ['laptop'], image: ['run'], route: ['shop.example.com/api', 'tcp:5432'], sha: [COMMIT, '1a2b3c4'], team: ['ops'], node: ['n1']};

interface Asked {
  readonly request: InjectOptions;
  /** The body is not as the document says. */
  readonly isWrong: boolean;
}

/** Whatever is asked: nothing of ours breaks, refusals are problems, wrong bodies are refused, and every answer is one that the document has. */
test(`endpoints hold what the document says, whatever comes in (SEED=${SEED})`, async (t) => {
  const {server, document, wrong} = await subject(t);
  const ajv = schemaCompiler(document, {coerceTypes: false});
  const maker: Maker = {random: seededRandom(SEED), resolve: (ref) => document.components.schemas[ref.split('/').at(-1) ?? ''] ?? {}};
  const tally = new Map<string, number>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      // A websocket has no answer to look at.
      if (Object.hasOwn(operation.responses, '101')) continue;
      const body = operation.requestBody?.content['application/json']?.schema;
      const isRight = body === undefined ? () => true : ajv.compile({$ref: `openapi.json#/paths/${encodeURI(path.replaceAll('/', '~1'))}/${method}/requestBody/content/application~1json/schema`});
      for (let count = 0; count < REQUESTS; count += 1) {
        const {request, isWrong} = ask({path, method, operation, body, isRight: (value) => isRight(value) as boolean}, maker);
        const answer = await server.inject(request);
        const what = `SEED=${SEED} ${request.method} ${String(request.url)} ${String(request.payload)} → ${answer.statusCode} ${answer.body.slice(0, 300)}`;
        if (answer.statusCode >= 500) wrong.push(`it broke: ${what}`);
        if (isWrong && answer.statusCode < 400) wrong.push(`a wrong body was taken: ${what}`);
        if (answer.statusCode >= 400 && !/^application\/problem\+json/.test(String(answer.headers['content-type']))) wrong.push(`no problem+json: ${what}`);
        const kind = `${String(answer.statusCode)[0]}xx`;
        tally.set(kind, (tally.get(kind) ?? 0) + 1);
      }
    }
  }
  // One of each kind: a mistake is found by many.
  t.deepEqual([...new Map(wrong.map((one) => [one.replace(/^it broke: SEED=\d+ |\?\S*/g, '').slice(0, 60), one])).values()].slice(0, SHOWN_MAX), []);
  t.log(`SEED=${SEED}: ${[...tally].toSorted().map(([kind, count]) => `${count} × ${kind}`).join(', ')}`);
  // Not only refusals: else nothing was looked at.
  t.true((tally.get('2xx') ?? 0) > 100);
});

function ask({path, method, operation, body, isRight}: {readonly path: string; readonly method: string; readonly operation: DocumentedOperation; readonly body: SchemaObject | undefined; isRight(value: unknown): boolean}, maker: Maker): Asked {
  const {random} = maker;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (random() < 0.8 ? pick(KNOWN[name] ?? ['x'], random) : encodeURIComponent(oddText(random))));
  const query = new URLSearchParams();
  for (const {name, in: where, schema} of operation.parameters ?? []) {
    // What follows never ends.
    if (where === 'query' && name !== 'follow' && random() < 0.4) query.set(name, random() < 0.7 ? String(valueFor(schema, maker)) : oddText(random));
  }
  const value = body === undefined ? undefined : random() < 0.6 ? valueFor(body, maker) : wrongFor(body, maker);
  const isGarbage = body !== undefined && random() < 0.05;
  const payload = isGarbage ? pick(['{', '[1', 'x=1', '\0', '{"a":1}{'], random) : JSON.stringify(value);
  return {
    request: {
      method: method.toUpperCase() as 'GET', url: `${filled}${query.size === 0 ? '' : `?${query}`}`, ...(body !== undefined && {payload}),
      headers: {
        'authorization': 'Bearer right-token', ...(body !== undefined && {'content-type': 'application/json'}),
        ...(random() < 0.1 && {'if-match': pick(['*', `"${COMMIT}"`, `"${'e'.repeat(40)}"`, 'x', '""'], random)}),
        ...(random() < 0.1 && {'idempotency-key': pick(['operation-1', 'operation-2', 'x', 'a b c d e f'], random)}),
      },
    },
    // Where none is needed, `null` is none.
    isWrong: isGarbage || (body !== undefined && !((value === undefined || value === null) && operation.requestBody?.required === false) && !isRight(value)),
  };
}

async function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.ready = true;
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('cluster.yaml', 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.localhost\n');
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: 2\ncron:\n  nightly: {schedule: "0 3 * * *", command: "true"}\nroutes:\n  - host: shop.example.com\n    path: /api\n');
  view.repo.files.set('people/ann.yaml', 'apiVersion: flynn/v1\nkind: Person\nname: Ann\nemail: ann@example.com\nrole: admin\n');
  view.releases.lines = [{outcome: {result: 'healthy', release: 4, urls: []}}];
  const logged: string[] = [];
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => logged.push(`${message}: ${String(error instanceof Error ? error.stack : error)}`)});
  t.teardown(() => server.close());
  t.teardown(() => logged.length > 0 && t.log(logged.slice(0, 5).join('\n')));
  await view.keyring.ensure();
  t.teardown(() => rm(view.keyring.folder, {recursive: true, force: true}));
  const wrong = watchAnswers(server);
  return {view, server, wrong, document: (await server.inject('/openapi.json')).json<Document>()};
}
