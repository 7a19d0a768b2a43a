import test from 'ava';
import {terminal} from './terminal.ts';
import {head} from '../support/manifests.ts';

const RECIPIENT = 'age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg';
const CLUSTER = `${head('Cluster')}name: test\ndomain: flynn.test\nrecipients: [${RECIPIENT}]\n`;

test('forge says that there is none, which one there is, and how it goes with it', async (t) => {
  const {type, view} = await terminal(t);
  view.repo.files.set('cluster.yaml', CLUSTER);
  t.is(await type('forge'), '$ flynn forge\n! no forge: nobody elsewhere is told of plans and deploys\nexit 0');
  await type('forge set github team/cluster', {input: 'secret-token\n'});
  t.is(await type('forge'), '$ flynn forge\ngithub  team/cluster\n  nobody there is told anything: the cluster repository is on this node\nexit 0');
  view.forgeState = {kind: 'github', url: 'https://github.com', repository: 'team/cluster', hasHook: false, changes: 2, problem: 'GitHub does not know the token'};
  t.is(await type('forge'), '$ flynn forge\ngithub  https://github.com/team/cluster\n  2 open pull requests have a plan\n  looked  not yet\n  problem  GitHub does not know the token\nexit 0');
});

test('forge set, hook and remove are commits, and the token is sealed', async (t) => {
  const {type, view} = await terminal(t);
  view.repo.files.set('cluster.yaml', CLUSTER);
  t.regex(await type('forge set gitea team/cluster --url https://git.test', {input: 'secret-token\n'}), /^! Committed "cluster: pull requests are at gitea team\/cluster" [0-9a-f]{8}$/m);
  t.regex(view.repo.files.get('cluster.yaml') ?? '', /^forge:\n {2}kind: "gitea"\n {2}url: "https:\/\/git\.test"\n {2}repository: "team\/cluster"\n {2}token: \|\n {4}-----BEGIN AGE ENCRYPTED FILE-----\n/m);
  const shown = await type('forge hook');
  t.regex(shown, /^url {5}http:\/\/api\.flynn\.localhost\S*\/v1\/hooks\/cluster$/m);
  t.regex(shown, /^secret {2}whsec_[A-Za-z0-9+/]{43}=$/m);
  t.regex(view.repo.files.get('cluster.yaml') ?? '', /^ {2}hookSecret: \|$/m);
  t.false([...view.repo.files.values()].some((text) => text.includes('secret-token') || text.includes(/^secret {2}(\S+)$/m.exec(shown)?.[1] ?? '?')));
  // Another token for the same place leaves the webhook as it is.
  await type('forge set gitea team/cluster --url https://git.test', {input: 'other-token\n'});
  t.regex(view.repo.files.get('cluster.yaml') ?? '', /^ {2}hookSecret: \|$/m);
  t.regex(await type('forge remove'), /^! Committed "cluster: no forge is told anything" [0-9a-f]{8}$/m);
  t.is(view.repo.files.get('cluster.yaml'), CLUSTER);
});

test('what makes no sense as a forge is refused before anything is written', async (t) => {
  const {type, view} = await terminal(t);
  view.repo.files.set('cluster.yaml', CLUSTER);
  t.regex(await type('forge set bitbucket team/cluster', {input: 't\n'}), /"bitbucket" is none of github, gitlab, gitea[\s\S]*exit 2$/);
  t.regex(await type('forge set github', {input: 't\n'}), /which one\?[\s\S]*exit 2$/);
  t.regex(await type('forge set github team/cluster', {input: ''}), /the token comes on stdin[\s\S]*exit 2$/);
  t.regex(await type('forge set gitea team/cluster', {input: 't\n'}), /forge\.url is missing: there is no public site of gitea[\s\S]*exit 1$/);
  t.regex(await type('forge set github a/b/c', {input: 't\n'}), /forge\.repository has to be an owner and a name, not "a\/b\/c"/);
  t.regex(await type('forge set gitlab a/b --url http://git.example.com', {input: 't\n'}), /has to be https:\/\/: a token would be sent in the clear/);
  t.regex(await type('forge hook'), /cluster\.yaml names no forge that could send a webhook/);
  t.is(view.repo.files.get('cluster.yaml'), CLUSTER);
});
