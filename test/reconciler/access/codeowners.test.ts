import test from 'ava';
import {accessOf} from '../../../reconciler/access/access.ts';
import {codeowners, type Forge} from '../../../reconciler/access/codeowners.ts';
import {file, head} from '../../support/manifests.ts';

const person = (user: string, more: string) => file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}`);

const FILES = [
  person('ann', 'role: admin\n'), person('max', 'role: maintainer\n'), person('bob', 'apps: {shop: deployer}\n'), person('cat', 'apps: {shop: maintainer}\n'), person('vic', 'role: viewer\n'),
  file('teams/web.yaml', `${head('Team')}members: [bob]\napps: {blog: maintainer}\n`),
];

function lines(forge: Forge): readonly string[] {
  const text = codeowners({forge, access: accessOf(FILES).access, forgeNames: new Map([['ann', {github: 'ann-gh', gitea: 'ann'}], ['bob', {gitea: 'bob'}], ['max', {gitea: 'max'}]]), apps: ['shop', 'blog', 'site', 'not an app']});
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('# Written') && !line.startsWith('# The last') && !line.startsWith('# Gitea'));
}

test('each path has those who may change it, the last line that matches counting', (t) => {
  t.deepEqual(lines('github'), [
    '* @ann-gh',
    '/apps/ @ann-gh max@example.com',
    '/apps/blog/ @ann-gh bob@example.com max@example.com',
    '/apps/shop/ @ann-gh cat@example.com max@example.com',
    '/apps/shop/releases/ @ann-gh bob@example.com cat@example.com max@example.com',
  ]);
  t.deepEqual(lines('gitlab').slice(0, 2), ['* ann@example.com', '/apps/ ann@example.com max@example.com']);
});

test('Gitea has regular expressions that do not overlap, and names only', (t) => {
  t.deepEqual(lines('gitea'), [
    '# Not named, because people/<user>.yaml has no forge.gitea: cat',
    '!apps/.* @ann',
    'apps/blog/([^/]+|pages/.*) @ann @bob @max',
    'apps/blog/releases/.* @ann @bob @max',
    'apps/shop/([^/]+|pages/.*) @ann @max',
    'apps/shop/releases/.* @ann @bob @max',
    'apps/site/([^/]+|pages/.*) @ann @max',
    'apps/site/releases/.* @ann @max',
  ]);
});

test('where nobody has a right, the path is nobody\'s', (t) => {
  t.regex(codeowners({forge: 'github', access: accessOf([person('cat', 'apps: {shop: maintainer}\n')]).access, forgeNames: new Map(), apps: ['shop']}), /\n\*\n\/apps\/\n\/apps\/shop\/ cat@example\.com\n$/);
});
