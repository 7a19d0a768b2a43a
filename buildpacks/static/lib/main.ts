import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {caddyConfig} from './caddy.ts';
import {readOptions} from './options.ts';

/** Where the app's files are when it runs. */
const HOME = '/app';
/** Asked in this order for an index.html. */
const ROOTS = ['public', 'public_html', '.'];

const [build = '', target = ''] = process.argv.slice(2);
const file = path.join(build, 'static.json');
const {options, problems} = readOptions(existsSync(file) ? readFileSync(file, 'utf8') : undefined);
const root = options.root ?? ROOTS.find((folder) => existsSync(path.join(build, folder, 'index.html'))) ?? '.';
const found = [
  ...problems,
  ...(isFolder(root) ? [] : [`root "${root}" is no folder of the app. If another buildpack makes it, list that one before this one`]),
  ...(options.errorPage === undefined || existsSync(path.join(build, root, options.errorPage)) ? [] : [`error_page "${options.errorPage.slice(1)}" is no file in ${root}`]),
];
for (const problem of found) console.log(` !     static.json: ${problem}`);
if (found.length > 0) process.exit(1);
writeFileSync(target, `${JSON.stringify(caddyConfig({...options, home: HOME, folder: path.join(HOME, root)}), null, 2)}\n`);
console.log(`       Serving ./${root === '.' ? '' : root}${existsSync(file) ? ' as static.json says' : ''}`);

function isFolder(folder: string): boolean {
  return statSync(path.join(build, folder), {throwIfNoEntry: false})?.isDirectory() ?? false;
}
