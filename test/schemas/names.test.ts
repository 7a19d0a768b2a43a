import test from 'ava';
import {BRANCH_PATTERN} from '../../schemas/names.ts';

const BRANCH = new RegExp(BRANCH_PATTERN, 'u');

for (const name of ['main', 'release/2', 'renovate/@types/node-24.x', 'Größe', '機能/検索', 'cafe\u0301']) {
  test(`"${name}" can name a branch`, (t) => t.regex(name, BRANCH));
}

for (const name of ['', '-x', 'a..b', 'a b', 'a;b', '$(a)', 'a/', 'a.lock', '.a', 'a\u202eb', 'a\nb']) {
  test(`${JSON.stringify(name)} can not`, (t) => t.notRegex(name, BRANCH));
}
