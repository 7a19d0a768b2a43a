import type {Written} from '../../reconciler/api/answers.ts';
import type {DomainAnswer, DomainWritten} from '../../reconciler/api/route-answers.ts';
import {UsageError, type CommandContext} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {domainTable} from '../output/routes.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {reportWritten} from '../written.ts';

const WAIT = {'no-wait': {type: 'boolean', default: false}} as const;

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const domains = await client.get<readonly DomainAnswer[]>(`/v1/apps/${app}/domains`, signal);
    if (context.isJson) context.out(JSON.stringify(domains, null, 2));
    else if (domains.length === 0) context.err(`no domains on ⬢ ${app}; add one: flynn domain add <host>`);
    else for (const line of domainTable(domains)) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '<host> [--no-wait]',
  async run(args, context, signal) {
    const {values, words: [host]} = parseFlags(args, WAIT, {wordsMax: 1});
    if (host === undefined) throw new UsageError('which host? such as: flynn domain add www.example.com');
    if (/\s|^https?:/.test(host)) throw new UsageError(`"${host}" is no host such as www.example.com`);
    const {client, app} = await about(context, signal);
    const {domain, ...written} = await client.post<DomainWritten>(`/v1/apps/${app}/domains`, {host}, signal);
    const status = await reportWritten({client, app, context, written, wait: values['no-wait'] ? 'no-wait' : 'wait', done: `Adding ${domain.host} to ⬢ ${app}... done`, about: {domain}}, signal);
    const {record} = domain;
    // Where the node is, a clone does not know.
    if (record !== undefined && client.isOffline !== true) context.err(`Your DNS needs this record: ${domain.host}  ${record.type}  ${record.target}`);
    return status;
  },
};

const remove: Subcommand = {
  usage: '<host> [--no-wait]',
  async run(args, context, signal) {
    const {values, words: [host]} = parseFlags(args, WAIT, {wordsMax: 1});
    if (host === undefined) throw new UsageError('which host? flynn domain lists them');
    const {client, app} = await about(context, signal);
    const written = await client.delete<Written>(`/v1/apps/${app}/domains/${encodeURIComponent(host)}`, signal);
    return reportWritten({client, app, context, written, wait: values['no-wait'] ? 'no-wait' : 'wait', done: `Removing ${host} from ⬢ ${app}... done`}, signal);
  },
};

const clear: Subcommand = {
  usage: '[--no-wait]',
  async run(args, context, signal) {
    const {values} = parseFlags(args, WAIT);
    const {client, app} = await about(context, signal);
    const written = await client.delete<Written>(`/v1/apps/${app}/domains`, signal);
    return reportWritten({client, app, context, written, wait: values['no-wait'] ? 'no-wait' : 'wait', done: `Removing all domains from ⬢ ${app}... done`}, signal);
  },
};

export const domain = group({
  name: 'domain',
  summary: 'Show and change the hosts that lead to an app',
  details: [
    'A domain is a route of a whole host to web; paths, ports and everything else of routes: flynn route. A change is one commit.',
    'remove   takes a host out with all its paths',
    "clear    takes out all but the app's own host, <app>.<domain>",
  ],
  examples: ['flynn domain', 'flynn domain add www.example.com', 'flynn domain remove www.example.com', 'flynn domains:add www.example.com -a shop'],
  subcommands: {add, remove, clear},
  otherwise: list,
});

async function about(context: CommandContext, signal: AbortSignal) {
  return {client: await context.client(), app: await context.app(undefined, signal)};
}
