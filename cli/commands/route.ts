import type {AppRoutes, RouteWritten} from '../../reconciler/api/route-answers.ts';
import {formatRouteName, parseRouteName, type RouteName} from '../../schemas/route-name.ts';
import {UsageError, type CommandContext} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {routeTable} from '../output/routes.ts';
import {fieldsOf, routeOptions} from '../route-flags.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {reportWritten} from '../written.ts';

const WAIT = {'no-wait': {type: 'boolean', default: false}} as const;

const list: Subcommand = {
  usage: '[-A]',
  async run(args, context, signal) {
    const {values: {all}} = parseFlags(args, {all: {type: 'boolean', short: 'A', default: false}});
    const client = await context.client();
    const apps = all ? await client.get<readonly AppRoutes[]>('/v1/routes', signal) : [await client.get<AppRoutes>(`/v1/apps/${await context.app(undefined, signal)}/routes`, signal)];
    for (const {app, problem} of apps) if (problem !== undefined) context.err(`error: routes of ⬢ ${app} can't be told: ${problem}`);
    if (context.isJson) context.out(JSON.stringify(all ? apps : apps[0], null, 2));
    else if (apps.every(({routes}) => routes.length === 0)) context.err(all ? 'no routes' : `no routes on ⬢ ${apps[0]?.app ?? ''}; add one: flynn route add http <host>`);
    else for (const line of routeTable(apps, {isOfAll: all})) context.out(line);
    return apps.some(({problem}) => problem !== undefined) ? 1 : 0;
  },
};

const add: Subcommand = {
  usage: 'http <host>[/<path>] [-s <service>] [<option>…] [--no-wait]\n       flynn route add tcp [--port <port>] -s <service> [<option>…] [--no-wait]',
  async run([kind = '', ...args], context, signal) {
    if (kind !== 'http' && kind !== 'tcp') throw new UsageError(kind === '' ? 'what kind of route? http or tcp' : `"${kind}" is no kind of route; it has to be http or tcp, such as: flynn route add http shop.example.com`);
    const {values, words: [named]} = parseFlags(args, {...routeOptions([kind]), ...WAIT}, {wordsMax: kind === 'http' ? 1 : 0});
    const fields = withoutNulls(fieldsOf(kind, values));
    if (kind === 'tcp' && fields['service'] === undefined) throw new UsageError('to which service? such as: flynn route add tcp --port 5432 -s db');
    const route = kind === 'tcp' ? fields : {...hostAndPath(named), ...fields};
    const isChosen = kind === 'tcp' && fields['port'] === undefined;
    const before = isChosen ? await portsOf(fields['service'], context, signal) : [];
    const status = await write({method: 'post', body: {[kind]: route}, doing: 'Adding', values, context}, signal);
    if (isChosen) tellPort(fields['service'], (await portsOf(fields['service'], context, signal)).filter((port) => !before.includes(port)), context);
    return status;
  },
};

const update: Subcommand = {
  usage: '<route> [<option>…] [--no-wait]',
  async run(args, context, signal) {
    const {values, words: [named]} = parseFlags(args, {...routeOptions(['http', 'tcp']), ...WAIT}, {wordsMax: 1});
    const name = readName(named);
    const fields = fieldsOf(name.kind, values);
    if (Object.keys(fields).length === 0) throw new UsageError('what about it? such as: flynn route update shop.example.com/api -s api');
    return write({method: 'patch', name, body: fields, doing: 'Updating', values, context}, signal);
  },
};

const remove: Subcommand = {
  usage: '<route> [--no-wait]',
  async run(args, context, signal) {
    const {values, words: [named]} = parseFlags(args, WAIT, {wordsMax: 1});
    return write({method: 'delete', name: readName(named), doing: 'Removing', values, context}, signal);
  },
};

export const route = group({
  name: 'route',
  summary: 'Show and change which hosts and ports lead to an app',
  details: [
    'A change is one commit to the cluster repository. A route is named by its host and path, or by its port: shop.example.com/api, tcp:5432.',
    "The first route of an app is written beside its own host <app>.<domain>, which stays until it's removed.",
    '',
    '  -A, --all                         routes of all apps',
    '  -s, --service <service>           who answers (default: web)',
    '  --set <field>=<value>             any field of a route, its value being YAML: --set timeouts.waitSeconds=10 (docs/manifests.md)',
    '  --unset <field>                   takes one out; --no-<option> does the same for each of these',
    '  --no-wait                         return when it is in git, not when it is so',
    'of http:',
    '  --weight <service>=<share>        several services, each with its share of the requests',
    '  --redirect <url>                  send clients there instead; --https <redirect|allow> what becomes of HTTP',
    '  --strip-prefix                    the service does not see the path of the route',
    '  --when-header <name>=<value>, --when-cookie <name>=<value>, --when-query <name>=<value>, --when-method <method>   only such requests',
    '  --balance <kind>                  random, round-robin, least-conn or ip-hash',
    '  --sticky, --sticky-cookie <name>  a client stays with its replica',
    '  --protocol <http|h2c>             what the service speaks; gRPC needs h2c',
    '  --max-body <size>                 of requests, such as 10Mi',
    '  --wait-timeout <seconds>, --response-timeout <seconds>, --idle-timeout <seconds>   how long the router waits for the service',
    '  --compress                        for clients that ask for it',
    '  --request-header <name>=<value>, --response-header <name>=<value>   set on the way',
    '  --auth <name>                     users with passwords: the name of the secret that has them',
    '  --allow <network>, --deny <network>   of clients',
    'of tcp:',
    "  --port <port>                     of the node; without it one of the cluster's range is chosen",
    '  --sni <host>                      TLS connections for this host only; several routes can share a port then',
    '  --proxy-protocol <v1|v2>, --accept-proxy-protocol <network>, --allow <network>, --idle-timeout <seconds>',
  ],
  examples: [
    'flynn route', 'flynn route -A', 'flynn route add http shop.example.com', 'flynn route add http shop.example.com/api -s api', 'flynn route add tcp --port 5432 -s db --allow 10.0.0.0/8',
    'flynn route update shop.example.com/api --sticky --max-body 10Mi', 'flynn route add http www.example.com --redirect https://shop.example.com', 'flynn route remove shop.example.com/api', 'flynn route remove tcp:5432',
  ],
  subcommands: {add, update, remove},
  otherwise: list,
});

interface Writing {
  readonly method: 'post' | 'patch' | 'delete';
  readonly name?: RouteName;
  readonly body?: object;
  readonly doing: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly context: CommandContext;
}

async function write({method, name, body, doing, values, context}: Writing, signal: AbortSignal): Promise<number> {
  const client = await context.client();
  const app = await context.app(undefined, signal);
  const path = `/v1/apps/${app}/routes${name === undefined ? '' : `/${encodeURIComponent(formatRouteName(name))}`}`;
  const {route: told, ...written} = method === 'delete' ? await client.delete<RouteWritten>(path, signal) : await client[method]<RouteWritten>(path, body, signal);
  const done = `${doing} ${told} ${method === 'delete' ? 'from' : 'on'} ⬢ ${app}... done`;
  return reportWritten({client, app, context, written, wait: values['no-wait'] === true ? 'no-wait' : 'wait', done, about: {route: told}}, signal);
}

/** The node chooses one, and writes it down by a commit of its own. */
function tellPort(service: unknown, chosen: readonly number[], context: CommandContext): void {
  context.err(chosen.length === 0 ? 'the node chooses its port; it is there in a moment: flynn route' : `port ${chosen.join(', ')} of the node leads to ${String(service)}`);
}

async function portsOf(service: unknown, context: CommandContext, signal: AbortSignal): Promise<readonly number[]> {
  const client = await context.client();
  const {routes} = await client.get<AppRoutes>(`/v1/apps/${await context.app(undefined, signal)}/routes`, signal);
  return routes.flatMap((one) => (one.kind === 'tcp' && one.route.service === service && one.route.port !== undefined ? [one.route.port] : []));
}

function readName(named: string | undefined): RouteName {
  if (named === undefined) throw new UsageError('which route? flynn route lists their names');
  const name = parseRouteName(named);
  if (!name.ok) throw new UsageError(name.problem);
  return name.value;
}

function hostAndPath(named: string | undefined): {readonly host: string; readonly path?: string} {
  if (named === undefined) throw new UsageError('which host? such as: flynn route add http shop.example.com');
  const name = readName(named);
  if (name.kind !== 'http' || name.nth !== undefined) throw new UsageError(`"${named}" is no host such as shop.example.com`);
  return {host: name.host, ...(name.path !== '/' && {path: name.path})};
}

/** Of a new route there is nothing to take out. */
function withoutNulls(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
