import type {QuotaStanding} from '../../reconciler/node.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';

export const quota: Command = {
  usage: 'quota [<team or app>…]',
  summary: 'Show what teams and apps may have at most, and what they have',
  details: [
    'Quotas of teams are in teams/<team>.yaml, those of apps in cluster.yaml. CPU and memory are the limits of all copies together, build minutes those of this',
    'calendar month (UTC).',
  ],
  examples: ['flynn quota', 'flynn quota web', 'flynn quota --json | jq ".[] | select(.used >= .allowed)"'],

  async run(args, context, signal) {
    const {words} = parseFlags(args, {}, {wordsMax: 100});
    const all = await (await context.client()).get<readonly QuotaStanding[]>('/v1/quota', signal);
    const standings = words.length === 0 ? all : all.filter(({name}) => words.includes(name));
    if (context.isJson) context.out(JSON.stringify(standings, null, 2));
    else if (standings.length === 0) context.err(words.length === 0 ? 'there are no quotas' : `there is no quota for ${words.join(', ')}`);
    else for (const line of table([['OF', 'NAME', 'WHAT', 'USED', 'ALLOWED'], ...standings.map(rowOf)])) context.out(line);
    return 0;
  },
};

function rowOf({kind, name, field, used, allowed}: QuotaStanding): readonly string[] {
  return [kind, name, WORDS[field], shown(field, used), `${shown(field, allowed)}${used > allowed ? '  over quota' : ''}`];
}

const WORDS: Readonly<Record<QuotaStanding['field'], string>> = {apps: 'apps', replicas: 'replicas', cpus: 'cpus', memory: 'memory', volumes: 'volumes', buildMinutes: 'build minutes'};

function shown(field: QuotaStanding['field'], amount: number): string {
  if (field === 'memory') return formatBytes(amount);
  return String(field === 'cpus' ? amount / 1000 : amount);
}
