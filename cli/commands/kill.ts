import type {Killed} from '../../reconciler/oneshot/oneshot.ts';
import {UsageError, type Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const kill: Command = {
  usage: 'kill <replica>',
  summary: 'Stop one container of an app: SIGTERM, its grace, SIGKILL',
  details: [
    'A replica is started anew at once, in a new container, and what it was answering may be lost: flynn restart replaces without that.',
    'Killed again and again it counts as crashing, and the pauses before its next start grow. A run (run.4821) is gone.',
  ],
  examples: ['flynn kill web.1', 'flynn kill run.4821 -a shop'],

  async run(args, context, signal) {
    const {words: [replica]} = parseFlags(args, {}, {wordsMax: 1});
    if (replica === undefined) throw new UsageError('which one? it has to be like flynn kill web.1; flynn ps lists them');
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const killed = await client.postOnce<Killed>(`/v1/apps/${app}/replicas/${encodeURIComponent(replica)}/kill`, {}, signal);
    if (context.isJson) context.out(JSON.stringify(killed));
    else context.err(`Killing ${replica} of ⬢ ${app}... done, it ended after ${(killed.tookMs / 1000).toFixed(1)} s${killed.isReplaced ? '; another one is being started: flynn ps' : ''}`);
    return 0;
  },
};
