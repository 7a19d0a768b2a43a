import test from 'ava';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import {app, deploying, desired, failed, good, observed, type World} from '../../support/make.ts';

interface Case extends World {
  readonly want: ResolvedApp;
  readonly plan: string;
}

const plans = test.macro<[Case]>((t, {want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(desired(want), observed(world))), expected);
});

test('plans nothing when the right replicas run and are routed', plans, {
  want: app('v1', 2),
  record: good(app('v1', 2)),
  have: ['web.1 v1 up', 'web.2 v1 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: '',
});

test('notes that a deploy begins, and starts it meanwhile', plans, {
  want: app('v1', 1),
  plan: 'mark shop deploying  # release v1 is new\n'
    + 'run shop.web.1-v1-0  # web.1 is missing',
});

test('starts what is missing', plans, {
  want: app('v1', 2),
  record: deploying(app('v1', 2)),
  have: ['web.1 v1 up'],
  plan: 'run shop.web.2-v1-0  # web.2 is missing\n'
    + 'wait shop release v1  # on healthy replicas: web [1/2]',
});

test('routes nothing to a release that is not wholly healthy, not even on the first deploy', plans, {
  want: app('v1', 2),
  record: deploying(app('v1', 2)),
  have: ['web.1 v1 up', 'web.2 v1 starting'],
  plan: 'wait shop release v1  # on healthy replicas: web [1/2]\n'
    + 'wait shop web.2  # on its health check: nothing listens on port 8080 (ECONNREFUSED)',
});

test('keeps the old replicas and their traffic until the new ones are healthy', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 starting'],
  names: ['10.0.1.1'],
  plan: 'wait shop release v2  # on healthy replicas: web [0/1]\n'
    + 'wait shop web.1  # on its health check: nothing listens on port 8080 (ECONNREFUSED)',
});

test('writes down that the new release is healthy before it gets traffic', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1'],
  plan: 'mark shop healthy  # release v2 is healthy',
});

test('tells the router first, and stops nothing that it may still use', plans, {
  want: app('v2', 1),
  record: good(app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1'],
  plan: 'publish 1 names  # replicas behind shop.test: 1 → 1\n'
    + 'wait shop web.1 (v1)  # on the router to be told',
});

test('waits until the router has let go', plans, {
  want: app('v2', 1),
  record: good(app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.2.1'],
  left: {'10.0.1.1': 0.1},
  plan: 'wait shop web.1 (v1)  # on the router to let go',
});

test('waits for requests in flight', plans, {
  want: app('v2', 1),
  record: good(app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.2.1'],
  left: {'10.0.1.1': 5},
  inFlight: {'10.0.1.1': 3},
  plan: 'wait shop web.1 (v1)  # on 3 requests in flight',
});

test('does not wait for requests in flight beyond the grace', plans, {
  want: app('v2', 1),
  record: good(app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.2.1'],
  left: {'10.0.1.1': 31},
  inFlight: {'10.0.1.1': 3},
  plan: 'stop shop.web.1-v1-0 within 30s  # replaced by release v2',
});

test('stops the old replicas when the router has let go and nothing is in flight', plans, {
  want: app('v2', 1),
  record: good(app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.2.1'],
  left: {'10.0.1.1': 5},
  plan: 'stop shop.web.1-v1-0 within 30s  # replaced by release v2',
});

test('restarts a crashed replica at once the first time', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 exited 1 ago=0'],
  names: [],
  plan: 'run shop.web.1-v1-1  # web.1 exited with code 1',
});

test('takes a crashed replica out of the names in the same pass', plans, {
  want: app('v1', 2),
  record: good(app('v1', 2)),
  have: ['web.1 v1 exited 137 oom ago=0', 'web.2 v1 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'publish 1 names  # replicas behind shop.test: 2 → 1\n'
    + 'run shop.web.1-v1-1  # web.1 was killed: out of memory (exit code 137)',
});

test('waits longer with each failure in a row', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 exited 1 failures=3 attempt=3 ago=2'],
  names: [],
  plan: 'wait shop web.1  # on back-off after 4 failures in a row',
});

test('forgets failures after five minutes up', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 exited 1 failures=9 attempt=9 up=301 ago=0'],
  names: [],
  plan: 'run shop.web.1-v1-10  # web.1 exited with code 1',
});

test('a release that crashes three times in a row has failed', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 exited 3 failures=2 attempt=2 ago=0'],
  names: ['10.0.1.1'],
  plan: 'mark shop failed  # release v2 failed: web.1 exited with code 3, 3 times in a row',
});

test('a command that does not exist fails the release at once, with the engine\'s words', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 unstartable ago=0'],
  names: ['10.0.1.1'],
  plan: 'mark shop failed  # release v2 failed: web.1 could not start: exec: "nope": executable file not found in $PATH',
});

test('a release that is not healthy in time has failed, with what it was waiting for', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1), 120_000),
  have: ['web.1 v1 up', 'web.1 v2 starting'],
  names: ['10.0.1.1'],
  plan: 'mark shop failed  # release v2 failed: not healthy within 120 s: web [0/1] healthy; web.1 is starting: nothing listens on port 8080 (ECONNREFUSED)',
});

test('a failed release is stopped, and is not tried again', plans, {
  want: app('v2', 1),
  record: failed(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 starting'],
  names: ['10.0.1.1'],
  plan: 'stop shop.web.1-v2-0 within 30s  # release v2 failed',
});

test('what a failed release left behind is kept for its log, and the plan rests', plans, {
  want: app('v2', 1),
  record: failed(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 exited 3'],
  names: ['10.0.1.1'],
  plan: '',
});

test('a change of the app\'s files tries a failed release again, with fresh tries', plans, {
  want: app('v2', 1, 'edited'),
  record: deploying(app('v2', 1, 'edited'), app('v1', 1), 5_000),
  have: ['web.1 v1 up', 'web.1 v2 exited 3 failures=2 attempt=2 ago=60'],
  names: ['10.0.1.1'],
  plan: 'run shop.web.1-v2-3  # web.1 is to be tried anew\n'
    + 'wait shop release v2  # on healthy replicas: web [0/1]',
});

test('the old release is kept alive while a newer one has failed', plans, {
  want: app('v2', 1),
  record: failed(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 exited 1 ago=0'],
  names: [],
  plan: 'run shop.web.1-v1-1  # web.1 exited with code 1',
});

test('a newer commit supersedes a deploy in progress', plans, {
  want: app('v3', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 starting'],
  names: ['10.0.1.1'],
  plan: 'mark shop deploying  # release v3 is new\n'
    + 'run shop.web.1-v3-0  # web.1 is missing\n'
    + 'stop shop.web.1-v2-0 within 30s  # superseded by release v3',
});

test('scaling up is no deploy: it is noted, and the new slot starts', plans, {
  want: app('v1', 2),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  plan: 'mark shop healthy  # scale or routes changed\n'
    + 'run shop.web.2-v1-0  # web.2 is missing',
});

test('scaling down takes the highest slots, after the router has let go', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up', 'web.2 v1 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'publish 1 names  # replicas behind shop.test: 2 → 1\n'
    + 'wait shop web.2 (v1)  # on the router to be told',
});

test('scaling down keeps a healthy replica for as long as one that stays is ill', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 starting', 'web.2 v1 up', 'web.3 v1 up'],
  names: ['10.0.1.2'],
  plan: 'stop shop.web.3-v1-0 within 30s  # more than 1 wanted\n'
    + 'wait shop web.1  # on its health check: nothing listens on port 8080 (ECONNREFUSED)\n'
    + 'wait shop web.2 (v1)  # on the replica that it stands in for',
});

test('an old replica keeps its traffic when the new one crashes before it has any', plans, {
  want: app('v2', 1),
  record: good(app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 exited 1 ago=0'],
  names: ['10.0.1.1'],
  plan: 'run shop.web.1-v2-1  # web.1 exited with code 1\n'
    + 'wait shop web.1 (v1)  # on the replica that it stands in for',
});

test('scaled to nothing, it keeps its name and its configuration', plans, {
  want: app('v1', 0),
  record: good(app('v1', 0)),
  names: [],
  plan: '',
});

test('an unhealthy replica loses its traffic and is stopped, to be restarted', plans, {
  want: app('v1', 2),
  record: good(app('v1', 2)),
  have: ['web.1 v1 unhealthy', 'web.2 v1 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'publish 1 names  # replicas behind shop.test: 2 → 1\n'
    + 'stop shop.web.1-v1-0 within 30s  # health check failed: GET / answered 500',
});

test('a replica that was not probed yet keeps the traffic that it has', plans, {
  want: app('v1', 2),
  record: good(app('v1', 2)),
  have: ['web.1 v1 unknown', 'web.2 v1 unknown'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'wait shop web.1  # on its first health check\n'
    + 'wait shop web.2  # on its first health check',
});

test('a container changed by hand is replaced, and keeps its traffic until then', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up drift'],
  names: ['10.0.1.1'],
  plan: 'run shop.web.1-v1-1  # web.1 was changed by hand: it is paused',
});

test('what was changed by hand goes when its successor is healthy', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up drift', 'web.1 v1 up attempt=1'],
  names: ['10.0.2.9'],
  left: {'10.0.1.1': 9},
  plan: 'publish 1 names  # replicas behind shop.test: 1 → 1\n'
    + 'stop shop.web.1-v1-0 within 30s  # another container has its place',
});

test('a replacement that crashes is tried again with back-off, and what was changed by hand stays until one is healthy', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up drift ago=60', 'web.1 v1 exited 1 attempt=1 failures=2 ago=1'],
  names: ['10.0.1.1'],
  plan: 'wait shop web.1  # on back-off after 3 failures in a row',
});

test('a container that was made but never started is started, not made twice', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 created'],
  names: [],
  plan: 'run shop.web.1-v1-0  # web.1 was made but never started',
});

test('an operation in progress is not begun twice', plans, {
  want: app('v1', 2),
  record: good(app('v1', 2)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  operations: ['container shop.web.2-v1-0'],
  plan: 'wait shop web.2  # on a container being started',
});

test('what is being written down is waited for', plans, {
  want: app('v1', 1, 'other routes'),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  operations: ['journal shop'],
  plan: 'wait shop release v1  # on its state to be written down',
});

test('a slot is not filled twice when what ended in it is removed while its successor is being started', plans, {
  want: app('v1', 2),
  record: good(app('v1', 2)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  operations: ['container shop.web.2-v1-1'],
  plan: 'wait shop web.2  # on a container being started',
});

test('a missing image fails a deploy at once', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  images: ['v1'],
  plan: 'mark shop failed  # release v2 failed: image sha256:v2 is not on this node',
});

test('only the newest exited containers of a service are kept', plans, {
  want: app('v1', 1),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up attempt=3', 'web.1 v1 exited 1 ago=100', 'web.1 v1 exited 1 attempt=1 ago=90', 'web.1 v1 exited 1 attempt=2 ago=80'],
  names: ['10.0.1.1'],
  plan: 'remove shop.web.1-v1-0  # exited with code 1, newer ones are kept',
});
