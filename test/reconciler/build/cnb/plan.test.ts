import test from 'ava';
import {buildpackPlan, readBuildPlan, readUnmet, remainingPlan, resolvePlan, type Detected, type Offer} from '../../../../reconciler/build/cnb/plan.ts';

/** `jdk > jdk node` provides jdk and requires jdk and node. */
function offer(text: string): Offer {
  const [provides = [], requires = []] = text.split('>').map(side => side.split(' ').filter(word => word !== ''));
  return {provides, requires: requires.map(name => ({name}))};
}

/** `A? jdk > | > node`: a buildpack A that may stay out, with two offers. */
function detected(text: string): Detected {
  const [, id = '', optional = '', offers = ''] = /^(\w+)(\??) ?(.*)$/.exec(text) ?? [];
  return {id, isOptional: optional === '?', offers: offers.split('|').map(offer)};
}

const resolves = test.macro({
  exec(t, {group, plan}: {group: readonly string[]; plan: string}) {
    const resolved = resolvePlan(group.map(detected));
    if (!resolved.ok) return t.is(resolved.problem, plan);
    const entries = resolved.value.entries.map(({name, providers, requires}) => `${name}: ${providers.join('+')} x${requires.length}`);
    t.is([resolved.value.participants.join(' '), ...entries].join('; '), plan);
  },
  title: (claim = '') => claim,
});

test('buildpacks that want nothing take part', resolves, {group: ['A', 'B'], plan: 'A B'});
test('what one provides a later one may require', resolves, {group: ['A jdk >', 'B > jdk'], plan: 'A B; jdk: A x1'});
test('a buildpack may require what it provides itself', resolves, {group: ['A jdk > jdk'], plan: 'A; jdk: A x1'});
test('several may provide and require the same', resolves, {group: ['A jdk >', 'B jdk > jdk', 'C > jdk'], plan: 'A B C; jdk: A+B x2'});
test('what nobody before provides fails', resolves, {group: ['A > jdk', 'B jdk >'], plan: '"A" requires "jdk", which neither it nor a buildpack before it provides'});
test('what nobody after requires fails', resolves, {group: ['A jdk >', 'B'], plan: '"A" provides "jdk", which neither it nor a buildpack after it requires'});
test('an optional buildpack whose provision nobody wants stays out', resolves, {group: ['A? jdk >', 'B'], plan: 'B'});
test('an optional buildpack whose need nobody meets stays out', resolves, {group: ['A? > jdk', 'B'], plan: 'B'});
test('what only a buildpack that stays out wanted is unwanted', resolves, {group: ['A? jdk >', 'B? > jdk node', 'C'], plan: 'C'});
test('a group whose members all stay out fails', resolves, {group: ['A? jdk >'], plan: 'no buildpack of the group takes part'});
test('the first alternative that works counts', resolves, {group: ['A jdk > | node >', 'B > node'], plan: 'A B; node: A x1'});
test('alternatives are tried depth first, the later buildpack’s first', resolves, {group: ['A x > | y >', 'B > z | > x | > y'], plan: 'A B; x: A x1'});
test('an optional buildpack stays out only after its last alternative', resolves, {group: ['A? jdk > | node >', 'B > node'], plan: 'A B; node: A x1'});
test('the problem is that of the last alternative', resolves, {group: ['A > x | > y'], plan: '"A" requires "y", which neither it nor a buildpack before it provides'});

test('too many combinations are an end, too', t => {
  const many = Array.from({length: 14}, (_, index) => ({id: `B${index}`, isOptional: false, offers: [offer('> x'), offer('> y')]}));
  t.deepEqual(resolvePlan(many), {ok: false, problem: 'more than 10000 combinations of what buildpacks offer'});
});

test('a build plan has an offer at its top and more under "or"', t => {
  const text = '[[provides]]\nname = "jdk"\n[[requires]]\nname = "jdk"\n[requires.metadata]\nversion = "21"\nmany = 9007199254740993\n[[or]]\n[[or.requires]]\nname = "node"\n';
  t.deepEqual(readBuildPlan(text, 'plan'), [
    {provides: ['jdk'], requires: [{name: 'jdk', metadata: {version: '21', many: 9_007_199_254_740_993n}}]},
    {provides: [], requires: [{name: 'node'}]},
  ]);
});

test('an empty build plan is one empty offer', t => {
  t.deepEqual(readBuildPlan('', 'plan'), [{provides: [], requires: []}]);
});

test('a version beside the metadata is refused, as it is since Buildpack API 0.4', t => {
  t.throws(() => readBuildPlan('[[requires]]\nname = "jdk"\nversion = "21"\n', 'plan of A'), {message: 'plan of A: "requires.version" is not supported, expected "version" in [requires.metadata]'});
});

const ENTRIES = [
  {name: 'jdk', providers: ['A', 'B'], requires: [{name: 'jdk', metadata: {version: '21', size: 1n}}, {name: 'jdk'}]},
  {name: 'node', providers: ['B'], requires: [{name: 'node'}]},
];

test('a buildpack is asked for what it provides, with the metadata of each who requires it', t => {
  const {toml, names} = buildpackPlan(ENTRIES, 'A');
  t.is(toml, '[[entries]]\nname = "jdk"\n\n[entries.metadata]\nversion = "21"\nsize = 1\n\n[[entries]]\nname = "jdk"\n');
  t.deepEqual(names, ['jdk']);
});

test('a buildpack that provides nothing has an empty plan', t => {
  t.deepEqual(buildpackPlan(ENTRIES, 'C'), {toml: '', names: []});
});

test('what a buildpack provided is not asked of later ones, what it calls unmet is', t => {
  t.deepEqual(remainingPlan(ENTRIES, {asked: ['jdk'], unmet: []}).map(({name}) => name), ['node']);
  t.deepEqual(remainingPlan(ENTRIES, {asked: ['jdk'], unmet: ['jdk']}).map(({name}) => name), ['jdk', 'node']);
});

test('unmet is only what was asked', t => {
  t.deepEqual(readUnmet('[[unmet]]\nname = "jdk"\n', {where: 'build.toml', asked: ['jdk']}), ['jdk']);
  t.throws(() => readUnmet('[[unmet]]\nname = "go"\n', {where: 'build.toml', asked: ['jdk']}), {message: 'build.toml: unmet "go" was not asked of this buildpack, expected one of jdk'});
});
