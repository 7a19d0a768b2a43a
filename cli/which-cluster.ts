import {createClient, TOKEN_VARIABLE, type Client} from './client.ts';
import {type CommandContext, Failure} from './command.ts';
import {type ClusterContext, contextFile, type Contexts, findCluster, loadContexts} from './context.ts';
import {identity} from './identity.ts';

export interface Cluster extends ClusterContext {
  readonly name: string;
  /** The context file that says so. */
  readonly file: string;
}

type Asker = Pick<CommandContext, 'env' | 'cwd' | 'clusterFlag' | 'proposeFlag'>;

/** A provider answers within a second. */
const RENEW_MS_MAX = 60_000;

/** `FLYNN_CONFIG`, or the usual place. */
export function configFile(env: CommandContext['env']): string {
  const {FLYNN_CONFIG: given = ''} = env;
  return given === '' ? contextFile(env) : given;
}

/** `-c`, else `FLYNN_CLUSTER`, else the default of the context file. Throws `Failure`. */
export async function whichCluster({env, clusterFlag}: Asker): Promise<Cluster> {
  const given = fromEnvironment(env);
  if (given !== undefined && clusterFlag === undefined) return given;
  const file = configFile(env);
  const contexts = await loadContexts(file);
  const named = clusterFlag ?? (env.FLYNN_CLUSTER === '' ? undefined : env.FLYNN_CLUSTER);
  const found = findCluster(contexts, named === 'default' ? undefined : named);
  if (found === undefined) throw noCluster(named, contexts, file);
  return {...found.cluster, name: found.name, file};
}

export async function clientOf(asker: Asker): Promise<Client> {
  const cluster = await withGoodToken(await whichCluster(asker), AbortSignal.timeout(RENEW_MS_MAX));
  return createClient(cluster, () => identity(cluster, asker, new AbortController().signal), {propose: asker.proposeFlag});
}

/** The same cluster; a token of an identity provider that has ended, or is about to, is another one then. Throws `Failure`. */
export async function withGoodToken<C extends Cluster>(cluster: C, signal: AbortSignal): Promise<C> {
  // What speaks with providers is loaded by those who need it.
  return cluster.oidc === undefined ? cluster : (await import('./sign-in/renew.ts')).renewed(cluster, cluster.oidc, signal);
}

/** `FLYNN_URL` and `FLYNN_TOKEN`: for a job of CI, which has no file. */
function fromEnvironment({FLYNN_URL: url = '', FLYNN_TOKEN: token = ''}: CommandContext['env']): Cluster | undefined {
  if (url === '') return undefined;
  if (token === '') throw new Failure('FLYNN_URL says which cluster, and FLYNN_TOKEN does not say who you are', {advice: ['set both, or neither: then the context file counts (flynn cluster)']});
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw new Failure(`FLYNN_URL "${url}" is no address such as https://api.apps.example.com`);
  return {name: parsed.host, url: url.replace(/\/+$/, ''), gitUrl: url.replace('//api.', '//git.').replace(/\/+$/, ''), token, user: '', file: TOKEN_VARIABLE};
}

function noCluster(named: string | undefined, {clusters}: Contexts, file: string): Failure {
  const names = Object.keys(clusters);
  if (names.length === 0) return new Failure(`${file} names no cluster`, {advice: ['start one on this machine: flynn up']});
  if (named === undefined) return new Failure(`${file} has no default cluster`, {advice: [`say which one with -c: ${names.join(', ')}`]});
  return new Failure(`${file} has no cluster "${named}"`, {advice: [`it has: ${names.join(', ')}`]});
}
