import test from 'ava';
import {COMMIT, app} from '../../reconciler/api/fake-view.ts';
import {terminal} from '../terminal.ts';

const APP_YAML = 'apiVersion: flynn/v1\nkind: App\n# ours\nenv: {A: b}\n';

test('suspend adds one line, says what follows from it, and resume takes it out again', async (t) => {
  const {view, type} = await terminal(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  view.current = {...view.current, apps: [app('shop')]};
  view.outcome = {result: 'suspended', commit: COMMIT};
  const shown = await type('suspend -a shop');
  t.regex(shown, /Committed "shop: suspend"/);
  t.regex(shown, /shop is suspended: nothing of it runs\. Start it with: flynn resume -a shop\nexit 0$/);
  t.is(view.repo.files.get('apps/shop/app.yaml'), `${APP_YAML}suspend: true\n`);
  view.outcome = {result: 'healthy', commit: COMMIT, urls: []};
  t.regex(await type('resume -a shop'), /Resuming ⬢ shop\.\.\. done\nexit 0$/);
  t.is(view.repo.files.get('apps/shop/app.yaml'), APP_YAML);
});

test('promote and abort decide about canaries, and say so when there are none', async (t) => {
  const {view, type} = await terminal(t);
  view.current = {...view.current, apps: [app('shop')]};
  t.regex(await type('deploy promote -a shop'), /no deploy of "shop" has canaries now\nexit 1$/);
  view.canary = app('shop').name;
  t.regex(await type('deploy abort -a shop'), /Aborting the deploy of ⬢ shop\.\.\. done\nexit 0$/);
  t.deepEqual(view.decided, ['abort shop by Ann Lee']);
});
