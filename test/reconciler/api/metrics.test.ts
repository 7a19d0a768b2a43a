import test from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {prometheusText} from '../../../reconciler/api/prometheus.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {Traffic} from '../../../reconciler/logs/traffic.ts';
import type {NodeMetrics} from '../../../reconciler/node.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {FakeView, NOW} from './fake-view.ts';

const SHOP = 'shop' as AppName;
const BEARER = {authorization: 'Bearer t0ken'};

function metrics(): NodeMetrics {
  const traffic = new Traffic();
  for (const answerMs of [4, 40]) traffic.add({app: SHOP, replica: 'web.1', atMs: 0, status: 200, bytes: 100, bytesIn: 7, answerMs});
  traffic.add({app: SHOP, atMs: 0, status: 503, bytes: 0, bytesIn: 0, answerMs: 5000, failure: {level: 'error', code: 'H14', description: 'No web processes running'}});
  return {
    since: NOW,
    http: traffic.figures(0).map((one) => ({...one, ...(one.replica !== undefined && {open: 3})})),
    tcp: [{app: 'store' as AppName, service: 'db', port: 5432, connections: 5, open: 2, bytesIn: 10, bytesOut: 20, refused: 1}],
    tcpReplicas: [{app: 'store' as AppName, service: 'db', port: 5432, replica: 'db.1', connections: 3, open: 2, bytesIn: 10, bytesOut: 20, errors: {T21: 1}}],
    problems: [],
  };
}

function server(view = new FakeView()) {
  return createServer({view, authenticate: createAuthenticate({token: 't0ken', operator: {name: 'o', email: 'o@flynn.localhost'}}), log: () => {}});
}

test('the figures are there as JSON, of one app or of all', async (t) => {
  const view = new FakeView();
  view.traffic = metrics();
  const ask = async (query: string) => (await server(view).inject({url: `/v1/metrics${query}`, headers: BEARER})).json() as NodeMetrics;
  t.deepEqual(await ask(''), JSON.parse(JSON.stringify(view.traffic)) as NodeMetrics);
  t.like(await ask('?app=store'), {http: [], tcp: [{service: 'db'}], since: NOW});
});

test('Prometheus gets them as text, with the token and not without', async (t) => {
  const view = new FakeView();
  view.traffic = metrics();
  const {statusCode, headers, body} = await server(view).inject({url: '/metrics', headers: BEARER});
  t.deepEqual([statusCode, headers['content-type']], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  t.is(body, prometheusText(view.traffic, 'n1'));
  for (const url of ['/metrics', '/v1/metrics']) t.is((await server(view).inject({url})).statusCode, 401);
});

test('a family has its help and type once, and a histogram its sum and count', (t) => {
  const text = prometheusText(metrics(), 'n1');
  const of = (name: string) => text.split('\n').filter((line) => line.includes(name)).join('\n');
  t.is(of('flynn_http_requests_total'), `# HELP flynn_http_requests_total Requests that are over, by class of status
# TYPE flynn_http_requests_total counter
flynn_http_requests_total{node="n1",app="shop",service="",replica="",status="5xx"} 1
flynn_http_requests_total{node="n1",app="shop",service="web",replica="web.1",status="2xx"} 2`);
  const histogram = of('flynn_http_answer_seconds').split('\n').filter((line) => line.includes('web.1'));
  t.deepEqual([histogram[0], histogram[3], ...histogram.slice(-3)], [
    'flynn_http_answer_seconds_bucket{node="n1",app="shop",service="web",replica="web.1",le="0.005"} 1',
    'flynn_http_answer_seconds_bucket{node="n1",app="shop",service="web",replica="web.1",le="0.05"} 2',
    'flynn_http_answer_seconds_bucket{node="n1",app="shop",service="web",replica="web.1",le="+Inf"} 2',
    'flynn_http_answer_seconds_sum{node="n1",app="shop",service="web",replica="web.1"} 0.044',
    'flynn_http_answer_seconds_count{node="n1",app="shop",service="web",replica="web.1"} 2',
  ]);
  t.true(text.includes('flynn_http_errors_total{node="n1",app="shop",service="",replica="",code="H14"} 1\n'));
  t.is(of('flynn_http_open{'), 'flynn_http_open{node="n1",app="shop",service="web",replica="web.1"} 3');
  t.is(of('flynn_tcp_open{'), 'flynn_tcp_open{node="n1",app="store",service="db",port="5432"} 2');
  t.is(of('flynn_tcp_replica_open{'), 'flynn_tcp_replica_open{node="n1",app="store",service="db",port="5432",replica="db.1"} 2');
  t.is(of('flynn_tcp_replica_errors_total{'), 'flynn_tcp_replica_errors_total{node="n1",app="store",service="db",port="5432",replica="db.1",code="T21"} 1');
  t.true(text.endsWith('\n'));
});

test('a family without figures is left out, and a label can not end early', (t) => {
  const text = prometheusText({since: NOW, http: [], tcp: [], tcpReplicas: [], problems: ["Caddy can't be asked"]}, 'a"b\\c');
  t.is(text, `# HELP flynn_metrics_since_seconds When counting began, seconds since 1970
# TYPE flynn_metrics_since_seconds gauge
flynn_metrics_since_seconds{node="a\\"b\\\\c"} ${Date.parse(NOW) / 1000}
# HELP flynn_metrics_problems Parts of the router that could not be asked
# TYPE flynn_metrics_problems gauge
flynn_metrics_problems{node="a\\"b\\\\c"} 1
`);
});
