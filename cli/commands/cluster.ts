import type {SshAnswer} from '../../reconciler/ssh/answer.ts';
import {type CommandContext, UsageError} from '../command.ts';
import {changeContexts, findCluster, loadContexts, withGit} from '../context.ts';
import {parseFlags} from '../flags.ts';
import {forgetCluster} from '../forget.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {configFile, whichCluster} from '../which-cluster.ts';
import {backup, restore} from './cluster-backup.ts';
import {logIn} from './login.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context) {
    parseFlags(args, {});
    const file = configFile(context.env);
    const contexts = await loadContexts(file);
    const chosen = findCluster(contexts)?.name;
    const clusters = Object.entries(contexts.clusters).map(([name, {url, gitUrl, git = 'http'}]) => ({name, url, gitUrl, git, isDefault: name === chosen}));
    if (context.isJson) context.out(JSON.stringify(clusters, null, 2));
    else if (clusters.length === 0) context.err(`${file} names no cluster; start one on this machine: flynn up`);
    else for (const line of table([['NAME', 'URL', 'GIT'], ...clusters.map(({name, url, gitUrl, isDefault}) => [`${name}${isDefault ? ' (default)' : ''}`, url, gitUrl])])) context.out(line);
    return 0;
  },
};

const info: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const {name, url, gitUrl, git, user, file} = client.cluster;
    const {domain, node, revision = null, apps} = await client.status(signal);
    const ssh = await client.get<SshAnswer>('/v1/ssh', signal);
    const facts = {name, url, gitUrl, domain, node, revision, apps: apps.length, user, file};
    if (context.isJson) context.out(JSON.stringify({...facts, git: git ?? 'http', ssh}, null, 2));
    else for (const line of table([...Object.entries(LABELS).map(([field, label]) => [label, String(facts[field as keyof typeof facts] ?? 'none applied yet')]), ...sshRows(ssh), ...(git === undefined ? [] : [['New remotes:', `over ${git.toUpperCase()}`]])])) context.out(line);
    return 0;
  },
};

/** Where git over SSH is, and by what the host is known to be the right one. */
function sshRows({state, url, fingerprint, problem}: SshAnswer): readonly (readonly string[])[] {
  if (url === undefined || fingerprint === undefined) return [['SSH:', 'off']];
  const about = problem ?? (state === 'open' ? '' : 'nobody has a key yet, so nothing listens');
  return [['SSH:', about === '' ? url : `${url} (${about})`], ['Host key:', fingerprint]];
}

const LABELS = {name: 'Cluster:', url: 'API URL:', gitUrl: 'Git URL:', domain: 'Domain:', node: 'Node:', revision: 'Revision:', apps: 'Apps:', user: 'You are:', file: 'Kept in:'} as const;

const add: Subcommand = {
  usage: '<name> <url of the API> [--ca <file>] [--git ssh|http]',
  async run(args, context, signal) {
    const {values: {ca, git}, words: [name, where]} = parseFlags(args, {ca: {type: 'string'}, git: {type: 'string'}}, {wordsMax: 2});
    if (name === undefined || where === undefined) throw new UsageError('it has to be like flynn cluster add production https://api.apps.example.com < token');
    const way = git === undefined ? undefined : wayOf(git);
    await logIn({where, name, ca}, context, signal);
    if (way !== undefined) await chooseGit({name, way}, context, signal);
    return 0;
  },
};

const gitWay: Subcommand = {
  usage: '<name> ssh|http',
  async run(args, context, signal) {
    const {words: [word, git]} = parseFlags(args, {}, {wordsMax: 2});
    if (word === undefined || git === undefined) throw new UsageError('it has to be like flynn cluster git production ssh');
    const way = wayOf(git);
    // Throws when there is none of that name.
    const {name} = await whichCluster({...context, clusterFlag: word});
    await chooseGit({name, way}, context, signal);
    if (context.isJson) context.out(JSON.stringify({name, git: way}));
    return 0;
  },
};

function wayOf(text: string): 'ssh' | 'http' {
  if (text !== 'ssh' && text !== 'http') throw new UsageError(`git comes by ssh or http, not by "${text}"`);
  return text;
}

async function chooseGit({name, way}: {readonly name: string; readonly way: 'ssh' | 'http'}, context: CommandContext, signal: AbortSignal): Promise<void> {
  const file = configFile(context.env);
  await changeContexts(file, (contexts) => withGit(contexts, name, way), signal);
  context.err(`remotes of new apps of ${name} go ${way === 'ssh' ? 'over SSH' : 'over HTTP'}; those that are there stay (git remote set-url changes one)`);
}

const choose: Subcommand = {
  usage: '<name>',
  async run(args, context, signal) {
    const name = await named(args, context);
    const file = configFile(context.env);
    await changeContexts(file, (contexts) => ({...contexts, default: name}), signal);
    if (context.isJson) context.out(JSON.stringify({default: name}));
    context.err(`the default cluster is now "${name}"`);
    return 0;
  },
};

const remove: Subcommand = {
  usage: '<name>',
  async run(args, context, signal) {
    const name = await named(args, context);
    await forgetCluster(name, context.env, signal);
    if (context.isJson) context.out(JSON.stringify({removed: name}));
    context.err(`"${name}" is forgotten here; the cluster itself goes on`);
    return 0;
  },
};

/** The cluster that the only word names, as this user's file has it. Throws when it has none of that name. */
async function named(args: readonly string[], context: CommandContext): Promise<string> {
  const {words: [word]} = parseFlags(args, {}, {wordsMax: 1});
  if (word === undefined) throw new UsageError('which one? flynn cluster lists them');
  return (await whichCluster({...context, clusterFlag: word})).name;
}

export const cluster = group({
  name: 'cluster',
  summary: 'List the clusters that you can talk to, add, choose or forget one; back this machine\'s up, or restore it',
  details: [
    'info      where it is, what it is at, and as whom you talk to it',
    'add       keep another one; its token is read from stdin, or from FLYNN_TOKEN (flynn login is the same, --ca too)',
    'git       whether `flynn create` makes remotes over SSH or HTTP; `add --git ssh` says so at once',
    'default   the one that is meant when neither -c nor FLYNN_CLUSTER says which',
    '',
    'backup    on its machine: repositories, key, certificates and what people did, in one file; the node may run meanwhile',
    '          --recipient <age1…>, --passphrase-file <file>   how it is encrypted: by age; --plain: not at all',
    '          --volumes                                       what apps keep in volumes, too',
    '          --verify <file>                                 look whether a backup is whole',
    'restore   on an empty machine: makes it the node of a backup; `flynn up` starts it. --domain moves it to another one',
  ],
  examples: [
    'flynn cluster', 'flynn cluster info', 'flynn cluster add production https://api.apps.example.com < token', 'flynn cluster git production ssh', 'flynn cluster default production', 'flynn cluster remove production',
    'flynn cluster backup --volumes --recipient age1… -o /backup/flynn.age', 'flynn cluster backup --verify /backup/flynn.age --identity key.txt',
    'flynn cluster restore flynn.age --identity key.txt --domain apps.example.org',
  ],
  subcommands: {list, info, add, git: gitWay, default: choose, remove, backup, restore},
  otherwise: list,
});
