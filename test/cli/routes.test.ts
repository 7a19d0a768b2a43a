import test from 'ava';
import {app} from '../reconciler/api/fake-view.ts';
import {head} from '../support/manifests.ts';
import {terminal, text} from './terminal.ts';

async function withShop(t: Parameters<typeof terminal>[0], yaml = '', domain = 'flynn.example.com') {
  const one = await terminal(t);
  one.view.current = {...one.view.current, domain, apps: [app('shop')]};
  one.view.repo.files.set('apps/shop/app.yaml', head('App') + yaml);
  return {...one, manifest: () => (one.view.repo.files.get('apps/shop/app.yaml') ?? '').replace(head('App'), '')};
}

test('route shows the host that an app has unless it says otherwise', async (t) => {
  const {type} = await withShop(t);
  t.is(await type('route -a shop'), text`
    $ flynn route -a shop
    ROUTE                         SERVICE
    http:shop.flynn.example.com/  web      (unless routes are set)
    exit 0
  `);
});

test('route lists routes in a form that can be typed', async (t) => {
  const {type} = await withShop(t, 'routes:\n  - host: shop.test\n  - {host: shop.test, path: /api, service: api}\ntcp:\n  - {port: 5432, service: db, allow: [10.0.0.0/8, 10.1.0.0/16], idleTimeoutSeconds: 60}\n');
  t.is(await type('route -a shop'), text`
    $ flynn route -a shop
    ROUTE               SERVICE
    http:shop.test/     web
    http:shop.test/api  api
    tcp:5432            db       --allow 10.0.0.0/8 --allow 10.1.0.0/16 --idle-timeout 60
    exit 0
  `);
});

test('route -A lists those of all apps, and says whose can\'t be told', async (t) => {
  const {type, view} = await withShop(t, 'routes: [{host: shop.test}]\n');
  view.repo.files.set('apps/blog/app.yaml', `${head('App')}routes: 1\n`);
  const shown = await type('route -A');
  t.regex(shown, /^! error: routes of ⬢ blog can't be told: apps\/blog\/app\.yaml:3:9: routes must be a list, not "1"$/m);
  t.regex(shown, /^APP +ROUTE +SERVICE\nshop {2}http:shop\.test\/ {2}web\nexit 1$/m);
});

test('route --json has every field of the manifest', async (t) => {
  const {type} = await withShop(t, 'routes: [{host: shop.test, path: /api, service: api}]\n');
  const [, ...lines] = (await type('route -a shop --json')).split('\n');
  t.deepEqual(JSON.parse(lines.slice(0, -1).join('\n')), {app: 'shop', routes: [{kind: 'http', name: 'http:shop.test/api', url: 'http://shop.test:8080/api', route: {host: 'shop.test', path: '/api', service: 'api'}}]});
});

test('route add, update and remove are commits', async (t) => {
  const {type, view, manifest} = await withShop(t, '# ours\n');
  t.regex(await type('route add http Shop.Test/api -s api -a shop'), /^! Committed "shop: route add shop\.test\/api → api" [0-9a-f]{8}\n! Adding http:shop\.test\/api on ⬢ shop\.\.\. done\nexit 0$/m);
  t.is(manifest(), '# ours\nroutes:\n  - host: shop.test\n    path: /api\n    service: api\n');
  t.regex(await type('route update shop.test/api -s web -a shop --no-wait'), /^! Committed "shop: route update shop\.test\/api \(→ web\)" [0-9a-f]{8}\nexit 0$/m);
  t.is(manifest(), '# ours\nroutes:\n  - host: shop.test\n    path: /api\n    service: web\n');
  t.regex(await type('route update shop.test/api --set path=/v1 --no-service -a shop'), /"shop: route update shop\.test\/api \(service, path\)"/);
  t.is(manifest(), '# ours\nroutes:\n  - host: shop.test\n    path: /v1\n');
  t.regex(await type('route add tcp --port 5432 -s db --allow 10.0.0.0/8 --allow 10.1.0.0/16 -a shop'), /Committed "shop: route add tcp:5432 → db"/);
  t.regex(manifest(), /\ntcp:\n {2}- port: 5432\n {4}service: db\n {4}allow:\n {6}- 10\.0\.0\.0\/8\n/);
  t.regex(await type('route update tcp:5432 --idle-timeout 60 --no-allow -a shop'), /Updating tcp:5432 on ⬢ shop\.\.\. done/);
  t.regex(manifest(), /\ntcp:\n {2}- port: 5432\n {4}service: db\n {4}idleTimeoutSeconds: 60\n$/);
  t.regex(await type('route remove 5432 -a shop'), /Committed "shop: route remove tcp:5432"/);
  t.regex(await type('route remove shop.test/v1 -a shop'), /Removing http:shop\.test\/v1 from ⬢ shop\.\.\. done/);
  t.is(manifest(), '# ours\nroutes: []\n');
  t.is(view.repo.commits.at(-1)?.author.name, 'Ann Lee');
});

test('options are flags, and what has none is set by its field', async (t) => {
  const {type, manifest} = await withShop(t);
  await type('route add http shop.test --sticky --max-body 10Mi --wait-timeout 9 --allow 10.0.0.0/8 --response-header X-Frame-Options=DENY --set headers.request={remove:[Cookie]} -a shop');
  t.is(manifest(), text`
    routes:
      - host: shop.flynn.example.com
      - host: shop.test
        sticky: true
        maxBody: 10Mi
        timeouts:
          waitSeconds: 9
        headers:
          response:
            set:
              X-Frame-Options: DENY
          request:
            remove:
              - Cookie
        allow:
          - 10.0.0.0/8
  ` + '\n');
  t.regex(await type('route -a shop'), /^http:shop\.test\/ +web +--sticky --max-body 10Mi --wait-timeout 9 --response-header X-Frame-Options=DENY --allow 10\.0\.0\.0\/8 --set 'headers=\{request: \{remove: \[Cookie\]\}\}'$/m);
  t.regex(await type('route update shop.test --no-allow --idle-timeout 60 --no-max-body --unset headers.request --sticky-cookie shop -a shop'), /"shop: route update shop\.test \(sticky, maxBody, timeouts, allow, headers\)"/);
  t.is(manifest(), text`
    routes:
      - host: shop.flynn.example.com
      - host: shop.test
        sticky: {cookie: shop}
        timeouts:
          waitSeconds: 9
          idleSeconds: 60
        headers:
          response:
            set:
              X-Frame-Options: DENY
  ` + '\n');
  t.regex(await type('route -a shop'), /^http:shop\.test\/ +web +--sticky-cookie shop --wait-timeout 9 --idle-timeout 60 --response-header X-Frame-Options=DENY$/m);
});

test('what is no service is listed as what it is', async (t) => {
  const {type} = await withShop(t);
  t.regex(await type('route add http old.test --redirect https://shop.test -a shop'), /"shop: route add old\.test → https:\/\/shop\.test"/);
  await type('route add http ab.test --weight web=90 --weight api=10 --when-header X-Beta=1 -a shop');
  const shown = await type('route -a shop');
  t.regex(shown, /^http:old\.test\/ +→ https:\/\/shop\.test$/m);
  t.regex(shown, /^http:ab\.test\/ +web=90 api=10 +--when-header X-Beta=1$/m);
});

test('info has the ports beside the hosts', async (t) => {
  const {type, view} = await withShop(t);
  view.current = {...view.current, apps: [app('shop', {ports: [{port: 5432, service: 'db'}, {port: 443, service: 'db', sni: 'db.test'}]})]};
  t.regex(await type('info -a shop'), /^TCP port: +5432 → db\nTCP port: +443 → db for db\.test$/m);
});

test('route add --json tells the commit, the route and how it ended', async (t) => {
  const {type} = await withShop(t);
  const shown = await type('route add http shop.test -a shop --json');
  t.regex(shown, /"message": "shop: route add shop\.test",\n {2}"route": "http:shop\.test\/",\n {2}"outcome": \{\n {4}"result": "healthy"/);
});

test('of a TCP route without a port it is told that the node chooses one', async (t) => {
  const {type, manifest, view: {repo}} = await withShop(t);
  t.regex(await type('route add tcp -s db -a shop'), /"shop: route add tcp:db"[\s\S]*\n! the node chooses its port; it is there in a moment: flynn route\nexit 0$/);
  t.is(manifest(), 'tcp:\n  - service: db\n');
  t.regex(await type('route -a shop'), /^tcp:db +db$/m);
  t.regex(await type('route update tcp:db --port 5432 -a shop'), /"shop: route update tcp:db \(port\)"/);
  t.regex(await type('route add tcp -s db -a shop'), /\n! the node chooses its port; it is there in a moment: flynn route\nexit 0$/, 'the port of another route is not its');
  t.regex(await type('route remove tcp:db -a shop'), /"shop: route remove tcp:db"/);
  // As the node does, a moment later.
  const set = repo.files.set.bind(repo.files);
  repo.files.set = (path, written) => set(path, written.replace(/- service: db\n(?! +port:)/, '- port: 5433\n    service: db\n'));
  t.regex(await type('route add tcp -s db -a shop'), /\n! port 5433 of the node leads to db\nexit 0$/);
});

test('what is wrong with a route is told before anything is written', async (t) => {
  const {type, view} = await withShop(t);
  t.is(await type('route add http shop_test -a shop'), text`
    $ flynn route add http shop_test -a shop
    ! error: apps/shop/app.yaml:5:11: routes.1.host must be a host name in small letters such as shop.example.com, "*.example.com" or "*", without scheme, port or path, not "shop_test"
    exit 1
  `);
  t.regex(await type('route add http shop.test --set servce=api -a shop'), /unknown field "servce"; did you mean "service"\?\nexit 1/);
  t.regex(await type('route remove shop.test -a shop'), /app "shop" has no route http:shop\.test\/\nexit 1/);
  t.deepEqual(view.repo.commits, []);
});

const misused = test.macro<[string, RegExp]>(async (t, line, message) => {
  const {type} = await withShop(t);
  const shown = await type(`${line} -a shop`);
  t.regex(shown, message);
  t.regex(shown, /usage: flynn route \[-A\][\s\S]*exit 2$/);
});
test('route add needs a kind', misused, 'route add shop.test', /"shop\.test" is no kind of route; it has to be http or tcp/);
test('route add http needs a host', misused, 'route add http', /which host\?/);
test('flags of TCP are none of HTTP', misused, 'route update shop.test --sni a.test', /--sni is nothing that an HTTP route has/);
test('an update says what', misused, 'route update shop.test', /what about it\?/);
test('a number is one', misused, 'route add tcp --port many -s db', /--port has to be a number, not "many"/);
test('a mistyped word is told', misused, 'route ad', /did you mean "route add"\?/);

test('domain lists hosts with what their DNS needs', async (t) => {
  const {type} = await withShop(t, 'routes:\n  - host: example.com\n  - host: www.example.com\n  - {host: www.example.com, path: /api}\n  - host: shop.flynn.example.com\n  - host: other.flynn.example.com\n');
  t.deepEqual((await type('domain -a shop')).split('\n').slice(1).map((line) => line.split(/ {2,}/)), [
    ['DOMAIN NAME', 'DNS RECORD TYPE', 'DNS TARGET'],
    ['shop.flynn.example.com', '-', '-'],
    ['example.com', 'ALIAS', 'shop.flynn.example.com'],
    ['www.example.com', 'CNAME', 'shop.flynn.example.com'],
    ['other.flynn.example.com', '-', '-'],
    ['exit 0'],
  ]);
});

test('domains:add, remove and clear work as they do on Heroku', async (t) => {
  const {type, manifest} = await withShop(t);
  t.regex(await type('domains:add WWW.Example.com -a shop'), /^! Committed "shop: domain add www\.example\.com" [0-9a-f]{8}\n! Adding www\.example\.com to ⬢ shop\.\.\. done\n! Your DNS needs this record: www\.example\.com {2}CNAME {2}shop\.flynn\.example\.com\nexit 0$/m);
  t.is(manifest(), 'routes:\n  - host: shop.flynn.example.com\n  - host: www.example.com\n');
  await type('domain add b.example.com -a shop');
  t.regex(await type('domains:remove www.example.com -a shop'), /"shop: domain remove www\.example\.com"/);
  t.regex(await type('domains:clear -a shop'), /"shop: domain clear" [0-9a-f]{8}\n! Removing all domains from ⬢ shop\.\.\. done/);
  t.is(manifest(), '');
  t.regex(await type('domains:remove www.example.com -a shop'), /app "shop" has no domain "www\.example\.com"; it has shop\.flynn\.example\.com\nexit 1/);
});

test('where the domain is one of this machine alone, its address is what DNS needs', async (t) => {
  const {type} = await withShop(t, '', 'flynn.localhost');
  t.regex(await type('domain add www.example.com -a shop'), /needs this record: www\.example\.com {2}A {2}the address of n1$/m);
  t.notRegex(await type('domain add blog.localhost -a shop'), /record/);
});
