import test from 'ava';
import {Conditions} from '../../../reconciler/status/conditions.ts';
import {app, COMMIT, container, deploying, failed, good, SHOP} from '../../support/make.ts';

const idle: ReadonlySet<string> = new Set();

function at(now: string) {
  return {commit: COMMIT, now};
}

function told(conditions: Conditions): readonly string[] {
  return conditions.of(SHOP).map(({type, status, reason, since}) => `${type} ${status} ${reason} since ${since}`);
}

test('a condition keeps its time for as long as status and reason stay', (t) => {
  const conditions = new Conditions();
  const seen = {app: app('v1', 1), record: good(app('v1', 1)), containers: [container('web.1 v1 up')], busy: idle};
  conditions.see([seen], at('10:00'));
  conditions.see([{...seen, containers: [container('web.1 v1 up attempt=1')]}], at('10:01'));
  t.deepEqual(told(conditions), ['Ready true Healthy since 10:00']);
  conditions.see([{...seen, containers: [container('web.1 v1 exited 1')]}], at('10:02'));
  t.deepEqual(told(conditions), ['Ready false ReplicasMissing since 10:02', 'Reconciling true ReplicasMissing since 10:02']);
  conditions.see([seen], at('10:03'));
  t.deepEqual(told(conditions), ['Ready true Healthy since 10:03']);
});

test('a deploy is told beside what serves, and a failed one stays told', (t) => {
  const conditions = new Conditions();
  const [old, next] = [app('v1', 1), app('v2', 1)];
  const containers = [container('web.1 v1 up')];
  conditions.see([{app: next, record: deploying(next, old), containers, busy: idle}], at('10:00'));
  t.deepEqual(told(conditions), ['Ready true Healthy since 10:00', 'Reconciling true Deploying since 10:00']);
  conditions.see([{app: next, record: failed(next, old), containers, busy: idle}], at('10:02'));
  t.deepEqual(told(conditions), ['Ready true Healthy since 10:00', 'Stalled true ReleaseFailed since 10:02']);
  t.is(conditions.of(SHOP)[1]?.message, 'release v2 failed: web.1 exited with code 3');
});

test('an app whose manifests are wrong says where, and that the last good ones serve', (t) => {
  const conditions = new Conditions();
  const {name, treeId} = app('v2', 1);
  const problems = [{file: 'apps/shop/app.yaml', line: 3, column: 5, message: 'unknown field "replcas"'}];
  conditions.see([{app: {state: 'invalid', name, treeId, problems}, record: good(app('v1', 1)), containers: [container('web.1 v1 up')], busy: idle}], at('10:00'));
  t.deepEqual(told(conditions), ['Ready true Healthy since 10:00', 'Stalled true InvalidManifest since 10:00']);
  t.is(conditions.of(SHOP)[1]?.message, 'apps/shop/app.yaml:3:5: unknown field "replcas"');
});

test('an app whose port is not served is not ready, and says what the port waits for', (t) => {
  const conditions = new Conditions();
  const seen = {app: app('v1', 1), record: good(app('v1', 1)), containers: [container('web.1 v1 up')], busy: idle};
  conditions.see([{...seen, portWaits: 'TCP port 5432 waits on another program'}], at('10:00'));
  t.deepEqual(told(conditions), ['Ready false PortWaits since 10:00', 'Reconciling true PortWaits since 10:00']);
  t.is(conditions.of(SHOP)[0]?.message, 'release v1: web [1/1]; TCP port 5432 waits on another program');
  conditions.see([seen], at('10:01'));
  t.deepEqual(told(conditions), ['Ready true Healthy since 10:01']);
});

test('what is said of an app is forgotten with it', (t) => {
  const conditions = new Conditions();
  conditions.see([{app: app('v1', 0), record: good(app('v1', 0)), containers: [], busy: idle}], at('10:00'));
  conditions.see([], at('10:01'));
  t.deepEqual(told(conditions), []);
});

test('a replica that is being stopped is not counted, though it still answers', (t) => {
  const conditions = new Conditions();
  const [one, two] = [container('web.1 v1 up'), container('web.2 v1 up')];
  const seen = {app: app('v1', 2), record: good(app('v1', 2)), containers: [one, two]};
  conditions.see([{...seen, busy: idle}], at('10:00'));
  conditions.see([{...seen, busy: new Set([`container ${two.name}`])}], at('10:01'));
  t.deepEqual(told(conditions), ['Ready false ReplicasMissing since 10:01', 'Reconciling true ReplicasMissing since 10:01']);
  t.is(conditions.of(SHOP)[0]?.message, 'release v1: web [1/2]');
});
