import {readFile} from 'node:fs/promises';
import type {Written} from '../../reconciler/api/answers.ts';
import type {DrainStatus} from '../../reconciler/node.ts';
import {UsageError, type CommandContext} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = context.appFlag === undefined ? undefined : await context.app(undefined, signal);
    const found = await client.get<readonly DrainStatus[]>(`/v1/drains${app === undefined ? '' : `?app=${app}`}`, signal);
    if (context.isJson) context.out(JSON.stringify(found));
    else if (found.length === 0) context.err('no drains');
    else for (const line of table([HEADER, ...found.map(rowOf)])) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '<url> [--header <name>=<value>] [--secret-header <name>=<variable>] [--ca <file>] [--no-verify] [--all-apps]',
  async run(args, context, signal) {
    const {values, words: [url]} = parseFlags(args, {
      'header': {type: 'string', multiple: true, default: []},
      'secret-header': {type: 'string', multiple: true, default: []},
      'ca': {type: 'string'},
      'no-verify': {type: 'boolean', default: false},
      'all-apps': {type: 'boolean', default: false},
    }, {wordsMax: 1});
    if (url === undefined) throw new UsageError('where to? it has to be like flynn drains add syslog+tls://logs.example.com:6514');
    const [headers, secretHeaders] = [pairs(values.header), pairs(values['secret-header'])];
    const drain = {
      url,
      ...(Object.keys(headers).length > 0 && {headers}),
      ...(Object.keys(secretHeaders).length > 0 && {secretHeaders}),
      ...(values['no-verify'] && {verify: false}),
      ...(values.ca !== undefined && {ca: await textOf(values.ca)}),
    };
    return write('/v1/drains', {drain}, {isOfAll: values['all-apps'], context, signal});
  },
};

const remove: Subcommand = {
  usage: '<url> [--all-apps]',
  async run(args, context, signal) {
    const {values, words: [url]} = parseFlags(args, {'all-apps': {type: 'boolean', default: false}}, {wordsMax: 1});
    if (url === undefined) throw new UsageError('which one? flynn drains lists their urls');
    return write('/v1/drains/remove', {url}, {isOfAll: values['all-apps'], context, signal});
  },
};

export const drains = group({
  name: 'drains',
  summary: 'Show, add or remove where logs are sent on to',
  details: [
    'Without -a all of them are listed. `add` and `remove` are commits, of the app or with --all-apps of cluster.yaml.',
    '--header          of http(s) and loki; everybody who can read the cluster repository can read it',
    '--secret-header   the same, its value being a secret of the app: flynn env set --secret',
    '--ca              a file with the certificate of the authority that the receiver\'s is signed by',
    '--no-verify       take any certificate',
  ],
  examples: ['flynn drains', 'flynn drains add -a shop syslog+tls://logs.example.com:6514 --ca logs-ca.pem', 'flynn drains remove -a shop syslog+tls://logs.example.com:6514', 'flynn drains --json | jq ".[] | select(.state == \\"failing\\")"'],
  subcommands: {add, remove},
  otherwise: list,
});

const HEADER = ['APP', 'URL', 'STATE', 'DELIVERED', 'WAITING', 'LOST', ''];

function rowOf({app, url, state, delivered, behind, dropped, error = ''}: DrainStatus): readonly string[] {
  return [app ?? '(all)', url, state, String(delivered), String(behind), String(dropped), error];
}

/** The value of one that is wrong is not shown: it may be a secret. */
function pairs(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(words.map((word) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || value === undefined) throw new UsageError(`"${word.split('=')[0]}" is no header; it has to be like X-Scope-OrgID=shop`);
    return [name, value];
  }));
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`"${file}" can't be read: ${error instanceof Error ? error.message : String(error)}`);
  });
}

interface Writing {
  readonly isOfAll: boolean;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

async function write(path: string, body: object, {isOfAll, context, signal}: Writing): Promise<0> {
  const client = await context.client();
  const app = isOfAll ? undefined : await context.app(undefined, signal);
  const written = await client.post<Written>(path, {...body, ...(app !== undefined && {app})}, signal);
  return tellWritten(written, context);
}
