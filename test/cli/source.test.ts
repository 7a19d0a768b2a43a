import test from 'ava';
import type {SourceStatus} from '../../reconciler/source/status.ts';
import {app, COMMIT} from '../reconciler/api/fake-view.ts';
import {terminal, text} from './terminal.ts';

const FOLLOWED: SourceStatus = {git: 'https://git.example.com/shop.git', branch: 'main', path: 'services/shop', intervalSeconds: 60, hasHook: false, state: 'deployed', commit: COMMIT, release: 3};

async function following(t: Parameters<typeof terminal>[0], status?: SourceStatus) {
  const one = await terminal(t);
  one.view.current = {...one.view.current, apps: [{...app('shop'), ...(status && {source: status})}]};
  one.view.followed = status === undefined ? {} : {shop: status};
  return one;
}

test('source shows what is followed', async (t) => {
  const {type} = await following(t, FOLLOWED);
  t.is(await type('source -a shop'), text`
    $ flynn source -a shop
    === ⬢ shop Source
      git     https://git.example.com/shop.git
      branch  main
      path    services/shop
      state   1a2b3c4d is deployed as v3
      looked  not yet
      every   60 s; for a webhook: flynn source hook
    exit 0
  `);
});

test('status and info have it in one line', async (t) => {
  const {type} = await following(t, {...FOLLOWED, state: 'failed', detail: 'npm ended with exit code 1'});
  t.regex(await type('status shop'), /^ {2}source +https:\/\/git\.example\.com\/shop\.git main services\/shop: 1a2b3c4d was not deployed: npm ended with exit code 1$/m);
});

test('source says what to do when there is none', async (t) => {
  const {type} = await following(t);
  t.is(await type('source -a shop'), '$ flynn source -a shop\n! error: ⬢ shop has no source elsewhere: it is deployed by git push. To follow one, add `source:` to its app.yaml\nexit 1');
});

test('source sync tells how it goes, and its status says whether the newest commit is deployed', async (t) => {
  const {type} = await following(t, FOLLOWED);
  t.is(await type('source sync -a shop'), text`
    $ flynn source sync -a shop
    ! -----> Building on the Flynn stack
    ! main 1a2b3c4d is deployed as v3
    exit 0
  `);
  const failed = await following(t, {...FOLLOWED, state: 'unreachable', detail: 'Could not resolve host'});
  t.is(await failed.type('source sync -a shop'), text`
    $ flynn source sync -a shop
    ! -----> Building on the Flynn stack
    ! error: Could not resolve host
    exit 1
  `);
});
