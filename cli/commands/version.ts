import {readFile} from 'node:fs/promises';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const version: Command = {
  usage: 'version',
  summary: 'Print the version of this program',
  examples: ['flynn version', 'flynn version --json'],

  async run(args, context) {
    parseFlags(args, {});
    const {version: number} = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {version: string};
    context.out(context.isJson ? JSON.stringify({version: number, node: process.version}) : `flynn ${number} (node ${process.version})`);
    return 0;
  },
};
