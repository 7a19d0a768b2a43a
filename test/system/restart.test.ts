import {once} from 'node:events';
import {request as httpRequest, type ClientRequest, type IncomingMessage} from 'node:http';
import test from 'ava';
import type {ReleaseList} from '../../reconciler/release/releases.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// What the API promises, also when the reconciler is killed in between.

let node: TrialNode;
let token: string;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  token = await node.token();
  const folder = await node.deployed('shop', 'quick');
  await node.commit(folder, {'more.txt': 'more'});
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
});
test.after.always(async (t) => {
  t.timeout(240_000);
  await node[Symbol.asyncDispose]();
});

async function killed(): Promise<void> {
  await node.kill('SIGKILL');
  await node.up();
}

function asking(method: string, path: string, {body, headers = {}}: {readonly body?: unknown; readonly headers?: Readonly<Record<string, string>>} = {}): ClientRequest {
  const text = body === undefined ? undefined : JSON.stringify(body);
  // Each on a connection of its own: one that is kept may be closed by a Caddy that another one takes over from.
  return httpRequest({host: '127.0.0.1', port: node.httpPort, path, method, agent: false, headers: {host: 'api.flynn.localhost', authorization: `Bearer ${token}`, ...(text !== undefined && {'content-type': 'application/json'}), ...headers}}).end(text);
}

async function ask(...how: Parameters<typeof asking>): Promise<{readonly status: number; readonly text: string}> {
  const [response] = await once(asking(...how), 'response') as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return {status: response.statusCode ?? 0, text};
}

/** Server-sent events as they come, until the connection ends. */
async function listen(path: string, lastId?: string) {
  const request = asking('GET', path, {headers: {accept: 'text/event-stream', ...(lastId !== undefined && {'last-event-id': lastId})}});
  const [response] = await once(request, 'response') as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', () => {});
  // Whole ones only: the last may have come in part.
  return {events: () => [...text.matchAll(/^id: (\S+)\nevent: event\ndata: (.*)\n\n/gm)].map(([, id = '', data = '']) => ({id, data})), close: () => request.destroy()};
}

test.serial('a change that is asked for again with its key is the same commit, and another one is refused', async (t) => {
  t.timeout(120_000);
  const scale = (web: number, path = '/v1/apps/shop/scale') => ask('POST', path, {body: {services: {web}}, headers: {'idempotency-key': 'restart-scale-1'}});
  const first = JSON.parse((await scale(2)).text) as {readonly commit: string; readonly isNew: boolean};
  t.true(first.isNew);
  await killed();
  // Somebody has changed it since: it is not done again.
  await node.must('scale', 'web=1', '-a', 'shop');
  t.like(JSON.parse((await scale(2)).text), {commit: first.commit, isNew: false});
  t.is((await scale(3)).status, 422);
  t.is((await node.status('shop')).services[0]?.wanted, 1);
});

test.serial('a rollback that is asked for again with its key is the same release', async (t) => {
  t.timeout(120_000);
  const back = (from: number) => ask('POST', '/v1/apps/shop/rollback', {body: {to: 1, from}, headers: {'idempotency-key': 'restart-rollback-1'}});
  t.regex((await back(2)).text, /"outcome":\{"result":"healthy","release":3,.*\n\{"end":true\}\n$/);
  await killed();
  t.regex((await back(2)).text, /"outcome":\{"result":"healthy","release":3,.*\n\{"end":true\}\n$/);
  t.is((await back(3)).status, 422);
  t.is((JSON.parse((await node.must('releases', '-a', 'shop', '--json')).stdout) as ReleaseList).current, 3);
});

test.serial('who listens to events goes on after the last one that he has heard', async (t) => {
  t.timeout(120_000);
  const before = await listen('/v1/events?follow=true&lines=5');
  await until('something was heard', () => before.events().length > 0);
  const last = before.events().at(-1);
  before.close();
  await node.must('env', 'set', 'HEARD=no', '-a', 'shop');
  await killed();
  const after = await listen('/v1/events?follow=true', last?.id);
  await until('what was missed is heard', () => after.events().some(({data}) => data.includes('"kind":"commit"') && data.includes('HEARD')));
  await node.must('env', 'set', 'HEARD=yes', '-a', 'shop');
  await until('what comes is heard', () => after.events().filter(({data}) => data.includes('"kind":"commit"') && data.includes('HEARD')).length > 1);
  after.close();
  const heard = after.events().map(({id}) => id);
  t.false(heard.includes(last?.id ?? ''));
  t.is(new Set(heard).size, heard.length, 'nothing is told twice');
  const all = await ask('GET', '/v1/events?lines=1000');
  const known = all.text.split('\n').filter((line) => line.startsWith('{"at"'));
  const from = known.findIndex((line) => line === last?.data);
  t.true(from >= 0);
  t.deepEqual(after.events().map(({data}) => data), known.slice(from + 1, from + 1 + heard.length), 'and nothing is left out');
});
