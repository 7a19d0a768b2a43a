import {UsageError} from '../command.ts';
import {findCluster, loadContexts, saveContexts, saveOrRemoveContexts, withoutCluster} from '../context.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {configFile, whichCluster} from '../which-cluster.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context) {
    parseFlags(args, {});
    const file = configFile(context.env);
    const contexts = await loadContexts(file);
    const chosen = findCluster(contexts)?.name;
    const clusters = Object.entries(contexts.clusters).map(([name, {url, gitUrl}]) => ({name, url, gitUrl, isDefault: name === chosen}));
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
    const {name, url, gitUrl, user, file} = client.cluster;
    const {domain, node, revision = null, apps} = await client.status(signal);
    const facts = {name, url, gitUrl, domain, node, revision, apps: apps.length, user, file};
    if (context.isJson) context.out(JSON.stringify(facts, null, 2));
    else for (const line of table(Object.entries(LABELS).map(([field, label]) => [label, String(facts[field as keyof typeof facts] ?? 'none applied yet')]))) context.out(line);
    return 0;
  },
};

const LABELS = {name: 'Cluster:', url: 'API URL:', gitUrl: 'Git URL:', domain: 'Domain:', node: 'Node:', revision: 'Revision:', apps: 'Apps:', user: 'You are:', file: 'Kept in:'} as const;

const choose: Subcommand = {
  usage: '<name>',
  async run(args, context) {
    const {words: [name]} = parseFlags(args, {}, {wordsMax: 1});
    if (name === undefined) throw new UsageError('which one? flynn cluster lists them');
    const file = configFile(context.env);
    await whichCluster({...context, clusterFlag: name});
    await saveContexts(file, {...await loadContexts(file), default: name});
    if (context.isJson) context.out(JSON.stringify({default: name}));
    context.err(`the default cluster is now "${name}"`);
    return 0;
  },
};

const remove: Subcommand = {
  usage: '<name>',
  async run(args, context) {
    const {words: [name]} = parseFlags(args, {}, {wordsMax: 1});
    if (name === undefined) throw new UsageError('which one? flynn cluster lists them');
    const file = configFile(context.env);
    await whichCluster({...context, clusterFlag: name});
    await saveOrRemoveContexts(file, withoutCluster(await loadContexts(file), name));
    if (context.isJson) context.out(JSON.stringify({removed: name}));
    context.err(`"${name}" is forgotten here; the cluster itself goes on`);
    return 0;
  },
};

export const cluster = group({
  name: 'cluster',
  summary: 'List the clusters that you can talk to, show one, choose the default one, forget one',
  details: [
    'Another one comes by `flynn login`, and on its own machine by `flynn up`.',
    'info      where it is, what it is at, and as whom you talk to it',
    'default   the one that is meant when neither -c nor FLYNN_CLUSTER says which',
  ],
  examples: ['flynn cluster', 'flynn cluster info', 'flynn cluster default production', 'flynn cluster remove production'],
  subcommands: {info, default: choose, remove},
  otherwise: list,
});
