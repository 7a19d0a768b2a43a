import test from 'ava';
import {differenceOf} from '../../../reconciler/desired/difference.ts';
import {differenceWords} from '../../../reconciler/preview/words.ts';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, cluster, config, file, head, release} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';
import {text} from '../../cli/terminal.ts';

const OTHER = SEALED.replace('HsXwOMKag', 'HsXwOMKbg');
const secrets = (sealed: string) => file('apps/shop/secrets.yaml', `${head('Secrets')}env:\n  TOKEN: |\n${indented(sealed, 4)}`);
const person = (user: string, yaml: string) => file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${yaml}`);
const node = (name: string, yaml = '') => file(`nodes/${name}.yaml`, `${head('Node')}${yaml}`);

const SHOP = [app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 2}}\n'), release('shop', 3)];

const differs = test.macro<[readonly ManifestFile[], readonly ManifestFile[], string]>((t, before, after, expected) => {
  t.is(differenceWords(differenceOf([cluster(), ...before], [...(after.some(({path}) => path === 'cluster.yaml') ? [] : [cluster()]), ...after])).join('\n'), expected);
});

test('the same is no difference', differs, SHOP, SHOP, '');
test('neither are comments and order', differs, SHOP, [app('shop', '# ours\nservices: {web: {replicas: 2}}\nenv: {LOG_LEVEL: debug}\n'), release('shop', 3)], '');
test('a scale is told with its cost', differs, SHOP, [app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 4}}\n'), release('shop', 3)], text`
  ~ shop
      services.web.replicas  2 → 4
      web: 4 replicas instead of 2
  all replicas together may use at most: memory 1Gi → 2Gi, cores 2 → 4
`);
test('what needs new containers says so', differs, SHOP, [app('shop', 'env: {LOG_LEVEL: info}\nservices: {web: {replicas: 2}}\nroutes: [{host: shop.test}]\n'), release('shop', 3)], text`
  ~ shop
      env.LOG_LEVEL  debug → info
      routes         + [{host: shop.test}]
      web: 2 replicas, all are replaced by new ones (env LOG_LEVEL)
      route shop.flynn.localhost/ goes
      route shop.test/ is new: leads to web
`);
test('so does a release', differs, SHOP, [...SHOP, release('shop', 4)], text`
  ~ shop
      release  v3 → v4
      web: 2 replicas, all are replaced by new ones (release v4)
`);
test('apps come and go', differs, SHOP, [app('blog', 'env: {A: b}\n'), release('blog', 1)], text`
  + blog
      env.A    + b
      release  + v1
      web: 1 replica starts
      route blog.flynn.localhost/ is new: leads to web
  - shop
      web: 2 replicas stop
      route shop.flynn.localhost/ goes
  all replicas together may use at most: memory 1Gi → 512Mi, cores 2 → 1
`);
test('an app that is renamed is the same one by its id', differs, SHOP, [app('store', 'id: shop\nenv: {LOG_LEVEL: debug}\nservices: {web: {replicas: 2}}\nmaintenance: true\n'), release('store', 3)], text`
  ~ shop → store
      renamed: releases, configuration, volumes, builds and logs stay with it
      maintenance  + true
      web: 2 replicas, all are replaced by new ones (the app's name)
      route shop.flynn.localhost/ goes
      route store.flynn.localhost/ is new: leads to web
`);
test('so is one that gets its first name back', differs, [app('store', 'id: shop\n')], [app('shop')], text`
  ~ store → shop
      renamed: releases, configuration, volumes, builds and logs stay with it
`);
test('without its id it is another app', differs, [app('shop')], [app('store')], text`
  - shop
  + store
`);
test('a suspended app has no replicas', differs, SHOP, [app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 2}}\nsuspend: true\n'), release('shop', 3)], text`
  ~ shop
      suspend  + true
      web: 2 replicas stop
  all replicas together may use at most: memory 1Gi → 0 bytes, cores 2 → 0
`);
test('values of secrets are not shown', differs, [...SHOP, secrets(SEALED)], [...SHOP, secrets(OTHER)], text`
  ~ shop
      secrets.env.TOKEN  (sealed) → (sealed anew)
      web: 2 replicas, all are replaced by new ones (secret TOKEN)
`);
test('cluster.yaml is told of by its fields', differs, SHOP, [...SHOP, cluster('keep: {releases: 3}\n')], text`
  ~ cluster.yaml
      keep.releases  + 3
`);
test('plain values that look like secrets are not shown either, nor are hashes of tokens', differs, [
  ...SHOP, person('ann', `tokens: {ci: {hash: "sha256:${'1'.repeat(64)}"}}\n`),
], [
  app('shop', 'env: {LOG_LEVEL: debug, API_KEY: kq8Zn3PfX0, DB: "postgres://shop:hunter22@db/shop"}\nservices: {web: {replicas: 2}}\n'), release('shop', 3),
  person('ann', `tokens: {ci: {hash: "sha256:${'2'.repeat(64)}"}}\n`),
  cluster('drains: [{url: "https://logs.example.com", headers: {Authorization: "Bearer kq8Zn3PfX0"}}]\n'),
], text`
  ~ cluster.yaml
      drains  + [{url: https://logs.example.com, headers: {Authorization: (hidden)}}]
  ~ people/ann.yaml
      tokens.ci.hash  (hash) → (hash anew)
  ~ shop
      env.API_KEY  + (hidden)
      env.DB       + (hidden)
      web: 2 replicas, all are replaced by new ones (env API_KEY, env DB)
  people
      ann: token ci is another one
`);
test('a change of a hidden part of a list is a change', differs, [cluster('drains: [{url: "https://l.test", headers: {Cookie: abcde}}]\n')], [cluster('drains: [{url: "https://l.test", headers: {Cookie: fghij}}]\n')], text`
  ~ cluster.yaml
      drains  [{url: https://l.test, headers: {Cookie: (hidden)}}] → (hidden parts differ)
`);
test('a file that is wrong is not an empty one', differs, [...SHOP, secrets(SEALED)], [
  app('shop', 'env: {LOG_LEVEL: debug}\nreplcas: 2\n'), release('shop', 4), file('apps/shop/secrets.yaml', 'env: ['), cluster('nod: 2\n'),
], text`
  ~ shop
      its manifests are wrong: it keeps what it has
  all replicas together may use at most: memory 1Gi → 0 bytes, cores 2 → 0
`);
test('rights are told as they are in all, with those of teams', differs, [...SHOP, person('ann', 'role: viewer\n'), person('bob', '')], [
  ...SHOP, person('ann', 'role: viewer\n'), person('cid', 'apps: {shop: deployer}\n'), file('teams/ops.yaml', `${head('Team')}members: [ann]\nrole: admin\n`),
], text`
  ~ people/bob.yaml
      name   - bob
      email  - bob@example.com
  ~ people/cid.yaml
      name       + cid
      email      + cid@example.com
      apps.shop  + deployer
  ~ teams/ops.yaml
      members  + [ann]
      role     + admin
  people
      ann: admin of the cluster instead of viewer of the cluster
      bob goes: no role before
      cid is new: deployer of shop
`);
test('nodes are told with what their replicas may use, and what has no place waits', differs, [
  ...SHOP, node('box', 'capacity: {memory: 2Gi, cpus: 4}\n'),
], [
  app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 3, requests: {memory: 512Mi}}, job: {replicas: 2, command: [work], limits: {memory: 1Gi}, requests: {memory: 1Gi}}}\n'), release('shop', 3), node('box', 'capacity: {memory: 2Gi, cpus: 4}\n'),
], text`
  ~ shop
      services.web.replicas         2 → 3
      services.web.requests.memory  + 512Mi
      services.job.replicas         + 2
      services.job.command          + [work]
      services.job.limits.memory    + 1Gi
      services.job.requests.memory  + 1Gi
      job: 2 replicas start
      web: 3 replicas instead of 2
      job: 1 replica waits, no node has 1Gi of memory free (box: 512Mi of 2Gi)
      web: 1 replica waits, no node has 512Mi of memory free (box: 0 bytes of 2Gi)
  all replicas together may use at most: memory 1Gi → 3.5Gi, cores 2 → 5
  on box: replicas 2 → 3, memory 1Gi → 2Gi of 2Gi, cores 2 → 3 of 4
`);
test('a node that is cordoned says what that means, and what is new waits', differs, [
  ...SHOP, node('box', ''),
], [
  app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 3}}\n'), release('shop', 3), node('box', 'cordon: true\n'),
], text`
  ~ nodes/box.yaml
      cordon  + true
      box: nothing new starts there, what runs goes on
  ~ shop
      services.web.replicas  2 → 3
      web: 3 replicas instead of 2
      what is new waits: box is cordoned
  all replicas together may use at most: memory 1Gi → 1.5Gi, cores 2 → 3
  on box: replicas 2 → 3, memory 1Gi → 1.5Gi, cores 2 → 3
`);
test('a node that is cordoned no more takes replicas again', differs, [
  ...SHOP, node('box', 'cordon: true\n'),
], [
  ...SHOP, node('box', ''),
], text`
  ~ nodes/box.yaml
      cordon  - true
      box: replicas start there again
`);
test('ports, volumes, schedules and the release command are told', differs, SHOP, [
  app('shop', `env: {LOG_LEVEL: debug}
services: {web: {replicas: 2}, db: {replicas: 1, port: 5432, strategy: stop-first, volumes: {data: {path: /data}}}}
tcp: [{port: 5432, service: db}]
cron: {nightly: {schedule: "0 3 * * *", command: clean}}
routes: [{host: shop.flynn.localhost, services: {web: 9, api: 1}}, {host: old.test, redirect: "https://shop.test"}]
`), release('shop', 4, '{web: {command: [node server.js]}, db: {command: [db]}, api: {command: [node api.js], port: 9000}, release: {command: [migrate]}}'),
], text`
  ~ shop
      services.db.replicas           + 1
      services.db.port               + 5432
      services.db.strategy           + stop-first
      services.db.volumes.data.path  + /data
      release                        v3 → v4
      tcp                            + [{port: 5432, service: db}]
      cron.nightly.schedule          + 0 3 * * *
      cron.nightly.command           + clean
      routes                         + [{host: shop.flynn.localhost, services: {web: 9, api: 1}}, {host: old.test, redirect: https://shop.test}]
      db: 1 replica starts
      web: 2 replicas, all are replaced by new ones (release v4)
      the release command runs first
      route shop.flynn.localhost/: leads to web → api (1), web (9)
      route old.test/ is new: leads to https://shop.test (302)
      port 5432 of the node leads to db
      volume data is new
      cron nightly is new
  all replicas together may use at most: memory 1Gi → 1.5Gi, cores 2 → 3
`);
test('apps whose files are not given count for what all cost', (t) => {
  const all = [...SHOP, app('blog'), release('blog', 1)];
  const others = [resolveApp({name: 'blog' as AppName, treeId: '' as TreeId, files: all.filter(({path}) => path.startsWith('apps/blog/'))}, config(), 'flynn.localhost')];
  const scaled = [cluster(), app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 4}}\n'), release('shop', 3)];
  t.deepEqual(differenceOf([cluster(), ...SHOP], scaled, {others}), differenceOf([cluster(), ...all], [...scaled, app('blog'), release('blog', 1)]));
});
