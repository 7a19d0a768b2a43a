import test from 'ava';
import {terminal} from './terminal.ts';

for (const line of ['resource', 'resource add postgres', 'provider', 'addons:create heroku-postgresql:hobby', 'pg psql', 'redis redis-cli']) {
  test(`flynn ${line} says that it comes later, and what to do now`, async (t) => {
    const {type, view} = await terminal(t);
    t.regex(await type(line), /! error: flynn does not know .*(services|providers).* yet: nothing was done\n! {8}until then run it as an app of its own[^]*volumes[^]*exit 1$/);
    t.deepEqual(view.repo.commits, []);
  });
}

test('it is explained, and not listed before it is there', async (t) => {
  const {type} = await terminal(t);
  t.regex(await type('help resource'), /later version[^]*allowFrom: \[shop\][^]*exit 0$/);
  t.notRegex(await type('help'), /^ {2}resource/m);
});
