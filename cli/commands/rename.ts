import type {CreatedApp} from '../../reconciler/api/answers.ts';
import type {AppName} from '../../schemas/ids.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {UsageError, type Command, type CommandContext} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {git, remotes} from '../git.ts';
import {appOfUrl, isOf} from '../which-app.ts';
import {reportWritten} from '../written.ts';

export const rename: Command = {
  usage: 'rename [<app>] <new name> [--no-wait]',
  summary: 'Give an app another name; all that it has stays with it',
  details: [
    'One commit: its folder, and all roles, quotas and other apps that name it. Releases, configuration, volumes, logs, builds and the repository',
    'stay; its replicas are replaced one after the other, without a request lost on hosts of its own. <app>.<domain> becomes another host, and the old',
    'one answers 404. Git remotes of this work tree that point to it are changed. Reverting the commit undoes it.',
  ],
  examples: ['flynn rename store -a shop', 'flynn rename shop store --propose'],

  async run(args, context, signal) {
    const {values: {'no-wait': isNoWait}, words} = parseFlags(args, {'no-wait': {type: 'boolean', default: false}}, {wordsMax: 2});
    const to = words.at(-1);
    if (to === undefined) throw new UsageError('flynn rename needs the new name');
    const problem = problemOfAppName(to);
    if (problem !== undefined) throw new UsageError(problem);
    const client = await context.client();
    const from = await context.app(words.length === 2 ? words[0] : undefined, signal);
    const renamed = await client.post<CreatedApp>(`/v1/apps/${from}/rename`, {name: to}, signal);
    const {name, gitUrl, webUrl} = renamed;
    const status = await reportWritten({
      client, app: name, context, written: renamed, wait: isNoWait ? 'no-wait' : 'wait', about: {name, gitUrl, webUrl},
      done: `Renaming ⬢ ${from} to ${name}... done`,
    }, signal);
    if (client.isOffline !== true) {
      await changeRemotes({from, to: name, base: client.cluster.gitUrl}, context, signal);
      context.err(`${webUrl} | ${gitUrl}`);
    }
    return status;
  },
};

/** Those that point to the app, at whichever address of the cluster. */
async function changeRemotes({from, to, base}: {readonly from: AppName; readonly to: AppName; readonly base: string}, context: CommandContext, signal: AbortSignal): Promise<void> {
  for (const [remote, url] of await remotes(context.cwd, signal)) {
    if (appOfUrl(url) !== from || !isOf(base, url)) continue;
    const changed = url.replace(new RegExp(`/${from}\\.git/?$`), `/${to}.git`);
    if (await git(['remote', 'set-url', remote, changed], context.cwd, signal) !== undefined) context.err(`The git remote "${remote}" is now ${changed}`);
  }
}
