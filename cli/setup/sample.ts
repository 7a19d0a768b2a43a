import {cp, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import {instanceOf, urlOf, type NodeSettings} from '../../reconciler/settings.ts';
import {type CommandContext, Failure} from '../command.ts';
import {clientOf} from '../which-cluster.ts';
import {addressesHere} from './command-line.ts';
import {exec} from './exec.ts';

const SAMPLE = 'hello';
const PUSH_TIMEOUT_MS = 10 * 60_000;
const MAIN = path.resolve(import.meta.dirname, '..', 'main.ts');

/** Deploys the sample app exactly as a user would, and resolves to its URL. Does nothing when it has a release already. */
export async function deploySample({settings, context}: {readonly settings: NodeSettings; readonly context: CommandContext}, signal: AbortSignal): Promise<string> {
  const url = urlOf(`${SAMPLE}.${settings.domain}`, settings);
  const cluster = instanceOf(settings.data);
  const client = await clientOf({...context, clusterFlag: cluster});
  const known = (await client.status(signal)).apps.find(({name}) => name === (SAMPLE as AppName));
  if (known?.release !== undefined) return url;
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-sample-'));
  try {
    await cp(path.join(import.meta.dirname, 'sample-app'), folder, {recursive: true});
    const run = runner({folder, context, signal});
    await run('git', ['init', '--quiet', '--initial-branch=main']);
    await run('git', ['add', '--all']);
    await run('git', ['-c', 'user.name=Flynn', '-c', 'user.email=flynn@localhost', '-c', 'commit.gpgSign=false', 'commit', '--quiet', '--message=Say hello']);
    if (known === undefined) await run('flynn', ['create', SAMPLE], [process.execPath, MAIN, '--cluster', cluster, 'create', SAMPLE]);
    else await run('git', ['remote', 'add', 'flynn', `${addressesHere(settings).gitUrl}/${SAMPLE}.git`]);
    await run('git', ['push', 'flynn', 'main']);
    return url;
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

type Run = (program: string, args: readonly string[], argv?: readonly [string, ...string[]]) => Promise<void>;

/** Shows the commands that people would type, and what they print. */
function runner({folder, context, signal}: {readonly folder: string; readonly context: CommandContext; readonly signal: AbortSignal}): Run {
  const env = {...context.env, GIT_TERMINAL_PROMPT: '0'};
  return async (program, args, argv = [program, ...args]) => {
    const shown = `${program} ${args.filter((arg) => !arg.includes('=') || arg.startsWith('--')).filter((arg) => arg !== '-c').join(' ')}`;
    context.err(`$ ${shown}`);
    const {exitCode} = await exec(argv, {cwd: folder, env, timeoutMs: PUSH_TIMEOUT_MS, onLine: (line) => context.err(line)}, signal);
    if (exitCode !== 0) {
      throw new Failure(`the sample app could not be deployed: '${shown}' failed with status ${exitCode}`, {advice: ['the cluster itself is up; see above, and: flynn status hello']});
    }
  };
}
