import {type Command, UsageError} from '../command.ts';
import {loadContexts} from '../context.ts';
import {isReadable} from '../exchange.ts';
import {identity} from '../identity.ts';
import {configFile, withGoodToken} from '../which-cluster.ts';

export const gitCredential: Command = {
  usage: 'git-credential get|store|erase',
  summary: 'Answer git with the token of a cluster (see gitcredentials(7)); called by git',

  async run([operation], context, signal) {
    if (operation !== 'get' && operation !== 'store' && operation !== 'erase') throw new UsageError(`"${operation ?? ''}" is no operation of a credential helper`);
    // The token has its own file: there is nothing to store, and a refusal is no reason to forget it.
    if (operation !== 'get') return 0;
    const asked = parseAttributes(await context.input());
    const file = configFile(context.env);
    const {clusters, default: chosen = ''} = await loadContexts(file);
    // Of somebody with two accounts there the one that commands would take.
    const preferred = [context.env.FLYNN_CLUSTER ?? '', chosen].filter((one) => Object.hasOwn(clusters, one));
    const name = [...preferred, ...Object.keys(clusters)].find((one) => isSameOrigin(clusters[one]?.gitUrl ?? '', asked)) ?? '';
    const cluster = clusters[name];
    // Silence lets git ask the next helper, or the user.
    if (cluster === undefined) return 0;
    if (isReadable(cluster.gitUrl)) {
      context.err(`flynn: over http:// the token could be read on its way: git remote set-url <remote> ${cluster.gitUrl.replace(/^http:/, 'https:')}/<app>.git, after flynn login https://…`);
      return 0;
    }
    const {token} = await withGoodToken({...cluster, name, file}, signal);
    context.out(`username=${await identity(cluster, context, signal)}`);
    context.out(`password=${token}`);
    return 0;
  },
};

/** `key=value` lines up to an empty one. */
export function parseAttributes(input: string): ReadonlyMap<string, string> {
  const lines = input.split('\n\n', 1)[0]?.split('\n') ?? [];
  return new Map(lines.filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

function isSameOrigin(gitUrl: string, asked: ReadonlyMap<string, string>): boolean {
  const {protocol, host} = new URL(gitUrl);
  return protocol === `${asked.get('protocol')}:` && host === asked.get('host')?.toLowerCase();
}
