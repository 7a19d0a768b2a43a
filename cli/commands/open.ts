import {openInBrowser} from '../browser.ts';
import {type Command, Failure} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const open: Command = {
  usage: 'open [<app>]',
  summary: 'Open an app in the browser, or print its URL where there is none',
  examples: ['flynn open', 'curl "$(flynn open -a shop)"'],

  async run(args, context, signal) {
    const {words: [named]} = parseFlags(args, {}, {wordsMax: 1});
    const client = await context.client();
    const {name, urls} = await client.app(await context.app(named, signal), signal);
    const url = urls.find((one) => !one.includes('*'));
    if (url === undefined) throw new Failure(`⬢ ${name} has no URL yet`, {advice: ['its first deploy gives it one: git push flynn main']});
    if (context.isJson) context.out(JSON.stringify({app: name, urls}));
    else if (await openInBrowser(url, context)) context.err(`Opening ${url}`);
    else context.out(url);
    return 0;
  },
};
