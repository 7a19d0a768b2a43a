import type {Written} from '../../reconciler/api/answers.ts';
import type {AppName} from '../../schemas/ids.ts';
import {type Command, type CommandContext, Failure} from '../command.ts';
import {reportOutcome, waitForConvergence} from '../converge.ts';
import {parseFlags} from '../flags.ts';
import {git, remotes} from '../git.ts';
import {appOfUrl} from '../which-app.ts';
import {tellWritten} from '../written.ts';

export const destroy: Command = {
  usage: 'destroy [<app>] --confirm <app>',
  summary: 'Remove an app: its containers and hosts, not its data',
  details: [
    'One commit that removes its folder. Its replicas finish their requests and stop. Volumes, sources and what git remembers stay:',
    'reverting the commit brings the app back as it was. Git remotes of this work tree that point to it are removed.',
  ],
  examples: ['flynn destroy shop --confirm shop'],

  async run(args, context, signal) {
    const {values: {confirm}, words: [named]} = parseFlags(args, {confirm: {type: 'string'}}, {wordsMax: 1});
    const client = await context.client();
    const app = await context.app(named, signal);
    if (confirm !== app) {
      throw new Failure(confirm === undefined ? `this stops ⬢ ${app} and takes its hosts away` : `"${confirm}" is not "${app}": nothing is removed`, {advice: [`if that is meant: flynn destroy ${app} --confirm ${app}`]});
    }
    const written = await client.post<Written>(`/v1/apps/${app}/destroy`, {confirm}, signal);
    if (client.isOffline === true) return tellWritten(written, context);
    const {commit, isNew, message} = written;
    context.err(`Committed "${message}" ${commit.slice(0, 8)}`);
    const outcome = await waitForConvergence({client, app, context}, signal);
    if (context.isJson) context.out(JSON.stringify({commit, isNew, message, outcome}, null, 2));
    if (outcome.result !== 'removed') {
      reportOutcome(outcome, app, context);
      throw new Failure(`⬢ ${app} is there again: somebody brought it back meanwhile`);
    }
    await removeRemotes(app, {context, gitUrl: client.cluster.gitUrl}, signal);
    context.err(`Destroying ⬢ ${app}... done`);
    context.err(`Its volumes and sources stay. To bring it back: git revert ${commit.slice(0, 8)} in the cluster repository`);
    return 0;
  },
};

async function removeRemotes(app: AppName, {context, gitUrl}: {context: CommandContext; gitUrl: string}, signal: AbortSignal): Promise<void> {
  const gone = [...await remotes(context.cwd, signal)].filter(([, url]) => url.startsWith(`${gitUrl}/`) && appOfUrl(url) === app);
  for (const [remote] of gone) {
    if (await git(['remote', 'remove', remote], context.cwd, signal) !== undefined) context.err(`The git remote "${remote}" is removed`);
  }
}
