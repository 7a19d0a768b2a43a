import test from 'ava';
import {head} from '../support/manifests.ts';
import {terminal} from './terminal.ts';

async function reviewing(t: Parameters<typeof terminal>[0]) {
  const one = await terminal(t);
  one.view.repo.files.set('people/ann.yaml', `${head('Person')}name: Ann\nemail: ann@example.com\n`);
  return one;
}

test('a token that is proposed is shown, this once, and nothing else is on stdout', async (t) => {
  const {type, view} = await reviewing(t);
  const said = await type('token add laptop -u ann --propose');
  t.is(said.replace(/flynn_[\w-]{43}/, 'flynn_TOKEN'), [
    '$ flynn token add laptop -u ann --propose', '! Proposed "shop: scale web 1 → 3" as #1, and good for nothing until that is merged', '! others look at it with: flynn review show 1',
    '! This is the only time that the token is shown:', 'flynn_TOKEN', 'exit 0',
  ].join('\n'));
  t.deepEqual(view.proposals.asked, ['operator proposes people: add the token laptop of ann']);
});

test('so it is as JSON, with the proposal', async (t) => {
  const {type} = await reviewing(t);
  const lines: string[] = [];
  await type('token add laptop -u ann --propose --json', {onOut: (line) => lines.push(line)});
  const {user, name, token, proposal} = JSON.parse(lines.join('\n')) as Record<string, unknown>;
  t.like({user, name, proposal}, {user: 'ann', name: 'laptop', proposal: {number: 1}});
  t.regex(String(token), /^flynn_/);
});
