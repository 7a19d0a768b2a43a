import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {ensureNodeKey, nodeKey} from '../../../reconciler/signatures/node-key.ts';
import {signersOf} from '../../../reconciler/signatures/signers.ts';
import {objectWriter} from '../../../reconciler/adapters/git-write.ts';
import {file, head} from '../../support/manifests.ts';
import {run, temporaryFolder} from '../checkout/support.ts';
import {makeKey, publicKey, SigningTrial} from './support.ts';

// Real commits of git, signed by ssh-keygen.

const APP = head('App');

test('a commit counts that somebody has signed who may change its paths', async (t) => {
  const trial = await SigningTrial.start(t);
  const first = await trial.commit('ann', {'cluster.yaml': `${trial.files['cluster.yaml']}keep: {releases: 5}\n`});
  await trial.commit('cat', {'apps/shop/app.yaml': `${APP}env: {A: b}\n`});
  t.deepEqual(await trial.trusted(), {newest: await trial.head()});
  t.deepEqual(await trial.trusted({to: first}), {newest: first});
});

test('what is not signed is named, and what came before it is followed', async (t) => {
  const trial = await SigningTrial.start(t);
  const good = await trial.commit('ann', {'README.md': 'a\n'});
  const bad = await trial.commit(undefined, {'README.md': 'b\n'});
  await trial.commit('ann', {'README.md': 'c\n'});
  t.deepEqual(await trial.trusted(), {newest: good, wrong: {commit: bad, problem: 'is not signed'}});
});

test('the roles of whoever signed decide, path by path', async (t) => {
  const trial = await SigningTrial.start(t);
  await trial.commit('bob', {'apps/shop/releases/v0001.yaml': 'x\n'});
  t.is(await trial.problem(), '');
  await trial.commit('bob', {'apps/shop/app.yaml': `${APP}env: {A: b}\n`, 'people/bob.yaml': 'x\n'});
  t.is(await trial.problem(), 'is signed by bob, who may not change apps/shop/app.yaml (bob may not change its app.yaml (shop): that takes the role maintainer for the app or the cluster), people/bob.yaml (bob may not change people and teams: that takes the role admin for the cluster)');
});

test('an app that comes or goes takes the right to make or to destroy one', async (t) => {
  const trial = await SigningTrial.start(t);
  await trial.commit('cat', {'apps/new/app.yaml': APP});
  t.regex(await trial.problem(), /^is signed by cat, who may not change apps\/new\/app\.yaml \(cat may not create apps \(new\)/);
  await trial.git('cat', 'reset', '--quiet', '--hard', trial.base);
  await fs.rm(path.join(trial.clone, 'apps'), {recursive: true});
  await trial.commit('cat', {});
  t.regex(await trial.problem(), /cat may not destroy apps \(shop\)/);
});

test('a key that nobody has does not count, nor one that came with the commits that it signs', async (t) => {
  const trial = await SigningTrial.start(t);
  await trial.commit('eve', {'README.md': 'a\n'}, {as: 'ann'});
  t.regex(await trial.problem(), /^its signature is by the SSH key SHA256:[\w+/]{43}, which nobody has in signingKeys$/);
  await trial.git('ann', 'reset', '--quiet', '--hard', trial.base);
  const given = await trial.commit('ann', {'people/eve.yaml': `${head('Person')}name: eve\nemail: eve@example.com\nrole: admin\nsigningKeys:\n  - ${await publicKey(trial.keys, 'eve')}\n`});
  await trial.commit('eve', {'README.md': 'a\n'});
  const {newest, wrong} = await trial.trusted();
  t.is(newest, given, 'once it is applied, eve is somebody');
  t.regex(wrong?.problem ?? '', /which nobody has/);
});

test('a key that two people have is nobody\'s', async (t) => {
  const trial = await SigningTrial.start(t);
  trial.files['people/dan.yaml'] = `${head('Person')}name: dan\nemail: dan@example.com\nsigningKeys:\n  - ${await publicKey(trial.keys, 'ann')}\n`;
  await trial.commit('ann', {'README.md': 'a\n'});
  t.regex(await trial.problem(), /which nobody has/);
});

test('whoever signs has to be whoever commits; the author may be somebody else', async (t) => {
  const trial = await SigningTrial.start(t);
  await trial.commit('ann', {'README.md': 'a\n'}, {as: 'bob'});
  t.is(await trial.problem(), 'is committed by bob@example.com, and signed by ann (ann@example.com): git config user.email ann@example.com');
  await trial.git('ann', 'reset', '--quiet', '--hard', trial.base);
  await trial.git('ann', ...trial.signing('ann'), 'commit', '--quiet', '--allow-empty', '-S', '--author=Bob <bob@example.com>', '--message', 'a patch of bob\'s');
  t.is(await trial.problem(), '');
});

test('a signature of another commit is worth nothing, nor is a second one', async (t) => {
  const trial = await SigningTrial.start(t);
  const signed = await trial.commit('ann', {'README.md': 'a\n'});
  const header = /^gpgsig [\s\S]*?-----END SSH SIGNATURE-----\n(?= ?\n|\S)/m.exec(`${await run(trial.clone, 'cat-file', 'commit', signed)}\n`)?.[0] ?? '';
  const unsigned = await trial.commit(undefined, {'README.md': 'b\n'}, {as: 'ann'});
  const text = `${await run(trial.clone, 'cat-file', 'commit', unsigned)}\n`;
  const forged = async (content: string) => {
    await fs.writeFile(path.join(trial.keys, 'commit'), content);
    await trial.git('ann', 'reset', '--quiet', '--hard', await run(trial.clone, 'hash-object', '-t', 'commit', '-w', path.join(trial.keys, 'commit')));
  };
  t.true(header.startsWith('gpgsig -----BEGIN SSH'));
  await forged(text.replace('\n\n', `\n${header}\n`));
  t.is(await trial.problem({from: signed}), 'its signature is not one of this commit: it was made of something else, or changed since');
  await forged(text.replace('\n\n', `\n${header}${header}\n`));
  t.is(await trial.problem({from: signed}), 'has more than one signature, or a header twice');
  await forged(text.replace('\n\n', '\ngpgsig hello\n\n'));
  t.is(await trial.problem({from: signed}), 'its signature is of a kind that is not known: it has to be of SSH or OpenPGP');
});

test('a merge brings what others signed, and is a change of its own', async (t) => {
  const trial = await SigningTrial.start(t);
  await trial.git('cat', 'checkout', '--quiet', '-b', 'side');
  await trial.commit('cat', {'apps/shop/app.yaml': `${APP}env: {A: b}\n`});
  await trial.git('ann', 'checkout', '--quiet', '-b', 'ann', trial.base);
  const onMain = await trial.commit('ann', {'cluster.yaml': `${trial.files['cluster.yaml']}keep: {releases: 5}\n`});

  // As `git pull` makes it: what ann did is on the other side, and was applied.
  await trial.git('cat', 'checkout', '--quiet', 'side');
  await trial.git('cat', ...trial.signing('cat'), 'merge', '--quiet', '-S', '--no-edit', 'ann');
  t.is(await trial.problem({from: onMain}), '');

  // The same parents, with what ann did left out.
  await trial.git('cat', 'reset', '--quiet', '--hard', 'side~1');
  await trial.git('cat', ...trial.signing('cat'), 'merge', '--quiet', '-S', '--no-edit', '-s', 'ours', 'ann');
  t.regex(await trial.problem({from: onMain}), /^is signed by cat, who may not change cluster\.yaml/);
});

test('commits of a merged branch count as all others', async (t) => {
  const trial = await SigningTrial.start(t);
  await trial.git('bob', 'checkout', '--quiet', '-b', 'side');
  const bad = await trial.commit(undefined, {'README.md': 'a\n'});
  await trial.git('ann', 'checkout', '--quiet', '-b', 'ann', trial.base);
  const good = await trial.commit('ann', {'other.md': 'a\n'});
  await trial.git('ann', ...trial.signing('ann'), 'merge', '--quiet', '-S', '--no-edit', 'side');
  t.deepEqual(await trial.trusted(), {newest: good, wrong: {commit: bad, problem: 'is not signed'}});
});

test('this node\'s own commits count, and git verifies them too', async (t) => {
  const folder = await temporaryFolder(t);
  const key = await ensureNodeKey(path.join(folder, 'key'));
  t.is((await ensureNodeKey(path.join(folder, 'key'))).publicKey, key.publicKey);
  t.is((await fs.stat(path.join(folder, 'key'))).mode & 0o777, 0o600);
  const trial = await SigningTrial.start(t, {'nodes/one.yaml': `${head('Node')}signingKey: ${key.publicKey}\n`});
  const by = {name: 'Flynn', email: 'flynn@localhost'};
  const tree = await run(trial.clone, 'rev-parse', 'HEAD^{tree}');
  const id = await objectWriter(path.join(trial.clone, '.git'), key.sign).commit({tree, parents: [trial.base], message: '\n\nsay: ü\r\n\nmore\n\n', author: {...by, name: 'Ann <3'}, committer: by, atMs: Date.now()});
  await trial.git('ann', 'reset', '--quiet', '--hard', id);
  t.is(await trial.problem(), '');
  await run(trial.clone, 'fsck', '--strict');
  await fs.writeFile(path.join(folder, 'allowed'), `flynn@localhost namespaces="git" ${key.publicKey}\n`);
  await run(trial.clone, '-c', `gpg.ssh.allowedSignersFile=${path.join(folder, 'allowed')}`, 'verify-commit', id);
  t.is(await trial.problem({signers: signersOf([file('cluster.yaml', trial.files['cluster.yaml'] ?? '')])}), `its signature is by the SSH key ${/SHA256:\S+(?=,)/.exec(await trial.problem({signers: signersOf([])}))?.[0]}, which nobody has in signingKeys`);
  t.throws(() => nodeKey('nonsense'));
});

test('signatures are wanted where cluster.yaml says so', (t) => {
  t.true(signersOf([file('cluster.yaml', `${head('Cluster')}name: x\ndomain: x.test\ncommits: {signed: required}\n`)]).isRequired);
  t.false(signersOf([file('cluster.yaml', 'nonsense')]).isRequired);
});

test('a squash merge counts that the forge has signed, whoever it is committed by; one that merges commits that nobody has signed does not', async (t) => {
  const trial = await SigningTrial.start(t);
  makeKey(trial.keys, 'forge');
  const cluster = `${trial.files['cluster.yaml']?.replace('{signed: required}', `{signed: required, forgeKeys: ["${await publicKey(trial.keys, 'forge')}"]}`)}`;
  const signers = signersOf(Object.entries({...trial.files, 'cluster.yaml': cluster}).map(([name, text]) => file(name, text)));
  const squashed = await trial.commit('forge', {'people/bob.yaml': 'x\n'}, {as: 'noreply'});
  t.deepEqual(await trial.trusted({signers}), {newest: squashed});
  t.regex(await trial.problem(), /which nobody has in signingKeys$/, 'a forge whose key nobody has put there is nobody');

  await trial.git('eve', 'switch', '--quiet', '--create', 'topic');
  const unsigned = await trial.commit(undefined, {'README.md': 'a\n'}, {as: 'eve'});
  await trial.git('eve', 'switch', '--quiet', 'main');
  await trial.git('noreply', ...trial.signing('forge'), 'merge', '--quiet', '--no-ff', '-S', '--message', 'Merge pull request #1', 'topic');
  t.deepEqual(await trial.trusted({signers}), {newest: squashed, wrong: {commit: unsigned, problem: 'is not signed'}});

  await trial.git('noreply', 'reset', '--quiet', '--hard', squashed);
  await trial.git('noreply', 'merge', '--quiet', '--squash', 'topic');
  t.deepEqual(await trial.trusted({to: await trial.commit('forge', {}, {as: 'noreply'}), signers}), {newest: await trial.head()});
});
