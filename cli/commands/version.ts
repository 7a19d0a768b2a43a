import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {versionOf} from '../version.ts';

export const version: Command = {
  usage: 'version',
  summary: 'Print the version of this program',
  examples: ['flynn version', 'flynn version --json'],

  async run(args, context) {
    parseFlags(args, {});
    const number = await versionOf();
    context.out(context.isJson ? JSON.stringify({version: number, node: process.version}) : `flynn ${number} (node ${process.version})`);
    return 0;
  },
};
