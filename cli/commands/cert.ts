import {readFile} from 'node:fs/promises';
import type {AcmeAnswer, AddedCertificate, Written} from '../../reconciler/api/answers.ts';
import type {CertificateStatus} from '../../reconciler/node.ts';
import {type CommandContext, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {certificateTable} from '../output/certificates.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {trustHere, howToTrust} from '../trust.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = context.appFlag === undefined ? undefined : await context.app(undefined, signal);
    const all = await client.get<readonly CertificateStatus[]>('/v1/certificates', signal);
    const shown = all.filter((one) => app === undefined || one.app === app);
    if (context.isJson) context.out(JSON.stringify(shown, null, 2));
    else if (shown.length === 0) context.err('no hosts yet');
    else for (const line of certificateTable(shown, context.nowMs())) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '[<host>] --cert <file> --key <file>',
  async run(args, context, signal) {
    const {values, words: [host]} = parseFlags(args, {cert: {type: 'string'}, key: {type: 'string'}}, {wordsMax: 1});
    if (values.cert === undefined || values.key === undefined) throw new UsageError('it has to be like flynn cert add shop.example.com --cert fullchain.pem --key privkey.pem');
    const wanted = {certificate: await textOf(values.cert), key: await textOf(values.key), ...(host !== undefined && {host})};
    const added = await (await context.client()).post<AddedCertificate>('/v1/certificates', wanted, signal);
    tell(added, context);
    context.err(`for ${added.hosts.join(', ')} until ${added.notAfter.slice(0, 10)}`);
    return 0;
  },
};

const remove: Subcommand = {
  usage: '<name>',
  async run(args, context, signal) {
    const {words: [name]} = parseFlags(args, {}, {wordsMax: 1});
    if (name === undefined) throw new UsageError('which one? flynn cert lists them');
    return tell(await (await context.client()).post<Written>('/v1/certificates/remove', {name}, signal), context);
  },
};

const retry: Subcommand = {
  usage: '<host>',
  async run(args, context, signal) {
    const {words: [host]} = parseFlags(args, {}, {wordsMax: 1});
    if (host === undefined) throw new UsageError('of which host? flynn cert lists them');
    const answer = await (await context.client()).postOnce<{readonly host: string}>('/v1/certificates/retry', {host}, signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    context.err(`the certificate for ${host} is ordered again: flynn cert, flynn events`);
    return 0;
  },
};

const trust: Subcommand = {
  usage: '[--print]',
  async run(args, context, signal) {
    const {values: {print}} = parseFlags(args, {print: {type: 'boolean', default: false}});
    const client = await context.client();
    const {pem} = await client.get<{readonly pem: string}>('/v1/certificates/root', signal);
    if (context.isJson) context.out(JSON.stringify({pem}, null, 2));
    else if (print) context.out(pem.trimEnd());
    else for (const line of await trustHere(pem, signal) ?? howToTrust()) context.err(line);
    return 0;
  },
};

const acme: Subcommand = {
  usage: '[set [--directory <url>] [--email <address>] [--eab-key-id <id>] [--ca <file>] | remove]',
  async run([word = '', ...args], context, signal) {
    const client = await context.client();
    switch (word) {
      case '': return show(await client.get<AcmeAnswer>('/v1/acme', signal), context);
      case 'remove': {
        parseFlags(args, {});
        return tell(await client.post<Written>('/v1/acme/remove', {}, signal), context);
      }
      case 'set': {
        const {values} = parseFlags(args, {'directory': {type: 'string'}, 'email': {type: 'string'}, 'eab-key-id': {type: 'string'}, 'ca': {type: 'string'}});
        const keyId = values['eab-key-id'];
        return tell(await client.post<Written>('/v1/acme', {
          ...(values.directory !== undefined && {directory: values.directory}),
          ...(values.email !== undefined && {email: values.email}),
          ...(values.ca !== undefined && {ca: await textOf(values.ca)}),
          ...(keyId !== undefined && {eabKeyId: keyId, eabKey: await macKey(context)}),
        }, signal), context);
      }
      default: throw new UsageError(`"cert acme ${word}" is not a flynn command: set and remove are`);
    }
  },
};

export const cert = group({
  name: 'cert',
  summary: 'Show, add or remove certificates of hosts, and say where they are ordered',
  details: [
    'Without a word it lists every host, who certifies it and until when; with -a those of an app.',
    'add      a certificate of your own, the host\'s first and then by whom it is signed; the key is encrypted. A wildcard is for all hosts that it covers',
    'acme     the authority that gives certificates to all other public hosts. Without --directory it is Let\'s Encrypt; to set one accepts its terms',
    '         --eab-key-id binds to an account there: its MAC key is read from stdin',
    'retry    makes an order that has failed at once, when what was wrong has been put right',
    'trust    brings the root of the cluster\'s own authority to this machine; --print prints it',
  ],
  examples: ['flynn cert', 'flynn cert add --cert fullchain.pem --key privkey.pem', 'flynn cert remove _.example.com', 'flynn cert acme set --email ops@example.com', 'flynn cert trust --print > flynn-ca.pem'],
  subcommands: {add, remove, acme, retry, trust},
  otherwise: list,
});

function show(answer: AcmeAnswer, context: CommandContext): number {
  const {acme} = answer;
  if (context.isJson) context.out(JSON.stringify(answer, null, 2));
  else if (acme === undefined) context.err('no certificates are ordered: those that you did not add are the cluster\'s own');
  else context.out([acme.directory ?? 'Let\'s Encrypt', ...(acme.email === undefined ? [] : [`as ${acme.email}`]), ...(acme.eabKeyId === undefined ? [] : [`bound to ${acme.eabKeyId}`])].join('  '));
  return 0;
}

async function macKey(context: CommandContext): Promise<string> {
  const key = (await context.input()).trim();
  if (key === '') throw new UsageError('the MAC key comes on stdin: flynn cert acme set --eab-key-id kid-1 < key');
  return key;
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`"${file}" can't be read: ${error instanceof Error ? error.message : String(error)}`);
  });
}

function tell({commit, isNew, message}: Written, context: CommandContext): number {
  if (context.isJson) context.out(JSON.stringify({commit, isNew, message}, null, 2));
  context.err(`${isNew ? 'Committed' : 'Already in git:'} "${message}" ${commit.slice(0, 8)}`);
  return 0;
}
