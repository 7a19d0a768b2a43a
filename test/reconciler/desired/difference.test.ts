import test from 'ava';
import type {Palette} from '../../../cli/output/color.ts';
import {differenceLines} from '../../../cli/output/difference.ts';
import {differenceOf} from '../../../reconciler/desired/difference.ts';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {app, cluster, file, head, release} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';
import {text} from '../../cli/terminal.ts';

const OTHER = SEALED.replace('HsXwOMKag', 'HsXwOMKbg');
const secrets = (sealed: string) => file('apps/shop/secrets.yaml', `${head('Secrets')}env:\n  TOKEN: |\n${indented(sealed, 4)}`);
const plain = (word: string) => word;
const COLORS: Palette = {title: plain, good: plain, bad: plain, busy: plain, faint: plain};

const SHOP = [app('shop', 'env: {LOG_LEVEL: debug}\nservices: {web: {replicas: 2}}\n'), release('shop', 3)];

const differs = test.macro<[readonly ManifestFile[], readonly ManifestFile[], string]>((t, before, after, expected) => {
  t.is(differenceLines(differenceOf([cluster(), ...before], [...(after.some(({path}) => path === 'cluster.yaml') ? [] : [cluster()]), ...after]), COLORS).join('\n'), expected);
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
      web: 2 replicas, all are replaced by new ones
`);
test('so does a release', differs, SHOP, [...SHOP, release('shop', 4)], text`
  ~ shop
      release  v3 → v4
      web: 2 replicas, all are replaced by new ones
`);
test('apps come and go', differs, SHOP, [app('blog', 'env: {A: b}\n'), release('blog', 1)], text`
  + blog
      env.A    + b
      release  + v1
      web: 1 replica starts
  - shop
      web: 2 replicas stop
  all replicas together may use at most: memory 1Gi → 512Mi, cores 2 → 1
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
      web: 2 replicas, all are replaced by new ones
`);
test('cluster.yaml is told of by its fields', differs, SHOP, [...SHOP, cluster('keep: {releases: 3}\n')], text`
  ~ cluster.yaml
      keep.releases  + 3
`);
