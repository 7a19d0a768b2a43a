import type {GarbageAnswer} from '../../reconciler/api/answers.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';

export const gc: Command = {
  usage: 'gc [--dry-run] [--caches]',
  summary: 'Remove now what is left on the node\'s disk, or show it',
  details: [
    'The node does this by itself when the time of things has come: a week after an app is gone, for example. This does not wait.',
    'Images of releases that are kept, volumes and sources are never removed.',
    '--dry-run   only show what would go, and why',
    '--caches    also what builds keep for the next one, of all apps: their next build is slower',
  ],
  examples: ['flynn gc --dry-run', 'flynn gc', 'flynn gc --caches'],

  async run(args, context, signal) {
    const {values: {'dry-run': isDry, caches}} = parseFlags(args, {'dry-run': {type: 'boolean', default: false}, caches: {type: 'boolean', default: false}});
    const client = await context.client();
    const answer = isDry ? await client.get<GarbageAnswer>(`/v1/gc?caches=${caches}`, signal) : await client.post<GarbageAnswer>('/v1/gc', {caches}, signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else for (const line of lines(answer)) context.out(line);
    context.err(summary(answer, isDry ? 'would be free' : 'are free now'));
    return 0;
  },
};

function lines({items}: GarbageAnswer): readonly string[] {
  if (items.length === 0) return [];
  return table([['SIZE', 'WHAT', 'NAME', 'APP', 'WHY'], ...items.map(({bytes, kind, subject, app, reason}) => [formatBytes(bytes), kind, subject, app ?? '-', reason])]);
}

/** What images share with others that stay, or go too, is in nobody's figure. */
function summary({items, bytes}: GarbageAnswer, what: string): string {
  return items.length === 0 ? 'nothing to remove' : `${items.length} things, at least ${formatBytes(bytes)} ${what}`;
}
