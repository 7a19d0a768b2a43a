import {type Command, UsageError} from '../command.ts';
import {loadContexts, findCluster, saveContexts} from '../context.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {configFile, whichCluster} from '../which-cluster.ts';

export const cluster: Command = {
  usage: 'cluster [default <name>]',
  summary: 'List the clusters that you can talk to, or choose the default one',
  examples: ['flynn cluster', 'flynn cluster default production'],

  async run(args, context) {
    const {words: [verb, name]} = parseFlags(args, {}, {wordsMax: 2});
    const file = configFile(context.env);
    const contexts = await loadContexts(file);
    if (verb === 'default' && name !== undefined) {
      await whichCluster({...context, clusterFlag: name});
      await saveContexts(file, {...contexts, default: name});
      context.err(`the default cluster is now "${name}"`);
      return 0;
    }
    if (verb !== undefined) throw new UsageError(`"${args.join(' ')}" makes no sense here`);
    const chosen = findCluster(contexts)?.name;
    const clusters = Object.entries(contexts.clusters).map(([name, {url, gitUrl}]) => ({name, url, gitUrl, isDefault: name === chosen}));
    if (context.isJson) context.out(JSON.stringify(clusters, null, 2));
    else if (clusters.length === 0) context.err(`${file} names no cluster; start one on this machine: flynn up`);
    else for (const line of table([['NAME', 'URL', 'GIT'], ...clusters.map(({name, url, gitUrl, isDefault}) => [`${name}${isDefault ? ' (default)' : ''}`, url, gitUrl])])) context.out(line);
    return 0;
  },
};
