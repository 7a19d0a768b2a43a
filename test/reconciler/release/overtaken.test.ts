import test, {type ExecutionContext} from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import type {Edit} from '../../../reconciler/checkout/snapshot.ts';
import {scale, setMaintenance} from '../../../reconciler/commits/edits.ts';
import type {Person} from '../../../reconciler/adapters/git-write.ts';
import {COMMITTER} from '../../../reconciler/commits/writer.ts';
import {overtakenBy} from '../../../reconciler/release/overtaken.ts';
import type {AppName, CommitId} from '../../../schemas/ids.ts';
import {bareRepo, change} from '../checkout/support.ts';

const SHOP = 'shop' as AppName;
const signal = AbortSignal.timeout(600_000);
const blog: Edit = (read) => ({'apps/blog/app.yaml': `${read('apps/blog/app.yaml') ?? ''}#\n`});

/** Commits one after the other, the first of which is waited for. */
async function commits(t: ExecutionContext, edits: readonly Edit[], authors: readonly Person[] = []) {
  const repo = ownRepo({gitdir: await bareRepo(t, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: 1}\n'})});
  t.teardown(() => repo.close());
  const made: CommitId[] = [];
  for (const [index, edit] of edits.entries()) made.push((await repo.commit({...change(edit, `by-${index}`), ...(authors[index] && {author: authors[index]})}, signal)).commit);
  const overtaken = async (at: number) => (await overtakenBy(repo, SHOP, {commit: made[0]!, at: made[at]!}, signal))?.subject; // as many as edits
  return {repo, made, overtaken};
}

test('a commit that has changed the same again overtakes, once it is applied', async (t) => {
  const {repo, made, overtaken} = await commits(t, [scale(SHOP, {web: 2}), setMaintenance(SHOP, true), scale(SHOP, {web: 5}), blog]);
  t.deepEqual([await overtaken(0), await overtaken(1), await overtaken(2), await overtaken(3)], [undefined, undefined, 'do by-2', 'do by-2']);
  t.like(await overtakenBy(repo, SHOP, {commit: made[0]!, at: made[3]!}, signal), {commit: made[2], by: 'Ada'});
});

test('of several that changed the same, it is the one whose word counts', async (t) => {
  const {overtaken} = await commits(t, [scale(SHOP, {web: 2}), scale(SHOP, {web: 5}), scale(SHOP, {web: 7}), setMaintenance(SHOP, true)]);
  t.is(await overtaken(3), 'do by-2');
});

test('who set it otherwise and back again has overtaken nobody', async (t) => {
  const {overtaken} = await commits(t, [scale(SHOP, {web: 2}), scale(SHOP, {web: 5}), scale(SHOP, {web: 2})]);
  t.is(await overtaken(2), undefined);
});

test('an app.yaml that is none any more has overtaken everybody', async (t) => {
  const {overtaken} = await commits(t, [scale(SHOP, {web: 2}), () => ({'apps/shop/app.yaml': 'services: [\n'})]);
  t.is(await overtaken(1), 'do by-1');
});

const routes = (list: string): Edit => () => ({'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: 1}\nroutes: ${list}\n`});

test('who adds something to the same list has overtaken nobody; who takes it away has', async (t) => {
  const {overtaken} = await commits(t, [routes('[{host: a.test}]'), routes('[{host: b.test}, {host: a.test}]'), routes('[{host: b.test}]')]);
  t.deepEqual([await overtaken(1), await overtaken(2)], [undefined, 'do by-2']);
});

test('the cluster itself, which names a port for a route, goes on with what was asked for', async (t) => {
  const chosen = routes('[{tcp: {service: web, port: 3000}}]');
  const {overtaken} = await commits(t, [routes('[{tcp: {service: web}}]'), chosen, routes('[{tcp: {service: web, port: 3001}}]')], [{name: 'Ada', email: 'ada@example.com'}, COMMITTER]);
  t.deepEqual([await overtaken(1), await overtaken(2)], [undefined, undefined]);
});
