import path from 'node:path';
import type {OidcAnswer} from '../../reconciler/api/answers.ts';
import type {CertificateStatus} from '../../reconciler/node.ts';
import {DATA_DEFAULT} from '../../reconciler/settings.ts';
import {ApiFailure} from '../client.ts';
import {checkBy, clockCheck, clusterChecks, domainCheck, issuerChecks, type Check} from '../check.ts';
import {exchange} from '../exchange.ts';
import {Failure, type Command, type CommandContext} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {git} from '../git.ts';
import {checkLines} from '../output/checks.ts';
import {palette} from '../output/color.ts';

/** The cluster has just answered: something is wrong when it takes longer. */
const CLOCK_MS_MAX = 10_000;

export const doctor: Command = {
  usage: 'doctor [--data <folder>]',
  summary: 'Look at everything that a cluster needs, and say what to do about what is wrong',
  details: [
    'git, the cluster that is meant, its passes, apps, certificates and DNS; on a machine that is a node its engine, ports, disk and key as well.',
    'Nothing is changed. Exit status: 0 nothing is wrong, 1 something is.',
    '--data <folder>   of the node on this machine; /var/lib/flynn unless given',
  ],
  examples: ['flynn doctor', 'flynn doctor -c production', 'flynn doctor --json | jq ".[] | select(.state != \\"good\\")"'],

  async run(args, context, signal) {
    const {values: {data}} = parseFlags(args, {data: {type: 'string', default: DATA_DEFAULT}});
    const {machineChecks} = await import('../setup/checks.ts');
    const checks = [
      await checkBy('Git', async () => (await git(['--version'], context.cwd, signal))?.replace(/^git version /, ''), {state: 'bad', says: 'not there', advice: ['install it: apt-get install git']}),
      ...await machineChecks(path.resolve(context.cwd, data), context.env, signal),
      ...await ofCluster(context, signal),
    ];
    if (context.isJson) context.out(JSON.stringify(checks, null, 2));
    else for (const line of checkLines(checks, palette(context))) context.out(line);
    const bad = checks.filter(({state}) => state === 'bad').length;
    context.err(bad === 0 ? 'nothing is wrong' : `${bad} of ${checks.length} ${bad === 1 ? 'is' : 'are'} wrong`);
    return bad === 0 ? 0 : 1;
  },
};

async function ofCluster(context: CommandContext, signal: AbortSignal): Promise<readonly Check[]> {
  try {
    const client = await context.client();
    const status = await client.status(signal);
    const certificates = await client.get<readonly CertificateStatus[]>('/v1/certificates', signal).catch(unlessRefused);
    const oidc = await client.get<OidcAnswer>('/v1/oidc', signal).catch(unlessRefused);
    const {name, url} = client.cluster;
    return [
      {what: 'Cluster', state: 'good', says: `${name} answers at ${url}, node ${status.node}`},
      ...await clockOf(url, context, signal),
      ...clusterChecks({status, ...(certificates !== undefined && {certificates}), nowMs: context.nowMs()}),
      ...issuerChecks(oidc?.issuers ?? []),
      await domainCheck(status.domain),
    ];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [{what: 'Cluster', state: 'bad', says: error.message, advice: error.advice}];
  }
}

/** By the header that each answer has; none where something on the way takes it out. */
async function clockOf(base: string, {nowMs}: CommandContext, signal: AbortSignal): Promise<readonly Check[]> {
  const beganMs = nowMs();
  const response = await exchange({base, method: 'GET', path: '/healthz', headers: {}, silenceMsMax: CLOCK_MS_MAX}, signal).catch(() => undefined);
  const endedMs = nowMs();
  response?.resume();
  const dateMs = Date.parse(response?.headers.date ?? '');
  return Number.isFinite(dateMs) ? [clockCheck({dateMs, beganMs, endedMs})] : [];
}

/** Not everybody may see everything: it is left out then. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ApiFailure)) throw error;
}
