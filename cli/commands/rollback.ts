import type {ReleaseLine, RollbackPreview} from '../../reconciler/release/releases.ts';
import {type Command, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {followRelease, parseRelease, reportRelease} from '../release-made.ts';

export const rollback: Command = {
  usage: 'rollback [<release>] [--code-only] [--dry-run]',
  summary: 'Go back to an earlier release, code and configuration, by a new one',
  details: [
    'Without a release: the one before the current one. One commit makes a new release that repeats it, and takes env, secrets, commands,',
    'limits and checks back as they were while it was current. Scale, routes and volumes stay. One that does not become healthy is taken back.',
    '--code-only   the configuration stays as it is',
    '--dry-run     say what would change, and change nothing',
  ],
  examples: ['flynn rollback', 'flynn rollback v41', 'flynn rollback v41 --code-only -a shop'],

  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {
      'code-only': {type: 'boolean', default: false},
      'dry-run': {type: 'boolean', default: false},
    }, {wordsMax: 1});
    const to = word === undefined ? undefined : parseRelease(word);
    if (word !== undefined && to === undefined) throw new UsageError(`"${word}" is no release; it has to be like v41`);
    const codeOnly = values['code-only'];
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const query = new URLSearchParams({codeOnly: String(codeOnly), ...(to === undefined ? {} : {to: String(to)})});
    const preview = await client.get<RollbackPreview>(`/v1/apps/${app}/rollback?${query}`, signal);
    context.err(`Rolling back ⬢ ${app} from v${preview.from} to v${preview.to} (${preview.description})`);
    if (!preview.isImageHere) context.err('  its image is not on this node any more, and is brought back first');
    for (const change of preview.changes) context.err(`  ${change}`);
    if (values['dry-run']) {
      if (context.isJson) context.out(JSON.stringify(preview, null, 2));
      return 0;
    }
    const lines = client.postLines<ReleaseLine>(`/v1/apps/${app}/rollback`, {to: preview.to, from: preview.from, codeOnly}, signal);
    const outcome = await followRelease(lines, {app, context}, signal);
    if (context.isJson) context.out(JSON.stringify({...preview, outcome}, null, 2));
    const status = reportRelease(outcome, app, context);
    if (outcome.result === 'proposed') context.err(`Proposing the rollback of ⬢ ${app} to v${preview.to}... done, #${outcome.proposal}`);
    if (outcome.result === 'healthy') {
      context.err(`Rolling back ⬢ ${app} to v${preview.to}... done, v${outcome.release}`);
      context.err(codeOnly ? 'The configuration stays as it is.' : "Rollback affects code and configuration; it doesn't change scale, routes or volumes.");
      context.err(`To undo, run: flynn rollback v${preview.from}${codeOnly ? ' --code-only' : ''}`);
    }
    return status;
  },
};
