import test from 'ava';
import {differenceOf} from '../../../reconciler/desired/difference.ts';
import {planMarkdown, planMarker, planSummary, type PlanOutcome} from '../../../reconciler/preview/markdown.ts';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {app, cluster, file, head, release} from '../../support/manifests.ts';
import {indented, SEALED} from '../../support/sealed.ts';
import {text} from '../../cli/terminal.ts';

const [BASE, HEAD] = ['a'.repeat(40), 'b'.repeat(40)];
const SHOP = [cluster(), app('shop', 'services: {web: {replicas: 2}}\n'), release('shop', 3)];

function fine(before: readonly ManifestFile[], after: readonly ManifestFile[]): PlanOutcome {
  return {result: 'fine', difference: differenceOf(before, after)};
}

const renders = test.macro<[PlanOutcome, string]>((t, outcome, expected) => {
  t.is(planMarkdown({domain: 'flynn.localhost', base: BASE, head: HEAD, outcome}), `${expected.replaceAll("'", '`')}\n`);
});

test('a change is one collapsible part an app, with its cost', renders, fine(SHOP, [cluster(), app('shop', 'services: {web: {replicas: 4}}\n'), release('shop', 3)]), text`
  <!-- flynn plan of flynn.localhost -->

  ### Plan: 1 app changes; 2 replicas start; memory 1Gi → 2Gi, cores 2 → 4

  <details open><summary><code>~ shop</code></summary>

  '''text
  services.web.replicas  2 → 4
  web: 4 replicas instead of 2
  '''

  </details>

  **Memory and cores**

  '''text
  all replicas together may use at most: memory 1Gi → 2Gi, cores 2 → 4
  '''

  <sub>Plan of 'bbbbbbbb' against 'aaaaaaaa'. Values of secrets are never shown.</sub>
`);

test('what would be refused says why', renders, {result: 'wrong', problems: ['apps/shop/app.yaml:3:5: unknown field "chekc"; did you mean "check"?']}, text`
  <!-- flynn plan of flynn.localhost -->

  ### Plan: 1 problem in the manifests

  It would be refused:

  '''text
  apps/shop/app.yaml:3:5: unknown field "chekc"; did you mean "check"?
  '''

  <sub>Plan of 'bbbbbbbb' against 'aaaaaaaa'. Values of secrets are never shown.</sub>
`);

test('a conflict names the files', (t) => {
  const outcome = {result: 'conflict', files: ['apps/shop/app.yaml']} as const;
  t.is(planSummary({outcome}), 'it conflicts with main in 1 file');
  t.regex(planMarkdown({domain: 'd.test', outcome}), /Bring it up to date with `main` first:\n\n```text\napps\/shop\/app\.yaml\n```/);
});

test('nothing in a manifest becomes a mention, a link, HTML or the end of a block', (t) => {
  const evil = '```` </details> @everyone <img src=x onerror=alert(1)> [x](https://evil.test) #1 \u202e \u200b';
  const markdown = planMarkdown({domain: 'd.test', outcome: fine(SHOP, [...SHOP.slice(0, 1), app('shop', `services: {web: {replicas: 2, command: [${JSON.stringify(evil)}]}}\n`), release('shop', 3), file('people/@all<b>.yaml', `${head('Person')}name: ann\nemail: a@b\n`)])});
  const outside = withoutFences(markdown);
  t.notRegex(outside, /@|<img|evil|\u202e|<b>|#1/);
  t.true(markdown.includes('@everyone'), 'it is shown all the same');
  t.false(markdown.includes('\u202e'));
  t.is([...outside.matchAll(/<\/details>/g)].length, 2);
});

test('secrets are in no plan: a planted one is looked for', (t) => {
  const canary = 'canaryQ7xV0pL2mZ9rT4wY6';
  const sealed = (value: string) => file('apps/shop/secrets.yaml', `${head('Secrets')}env:\n  TOKEN: |\n${indented(value, 4)}`);
  const body = SEALED.split('\n')[2] ?? '';
  const after = [...SHOP.slice(0, 1), release('shop', 4), sealed(SEALED), app('shop', `env: {API_TOKEN: ${canary}, DB: "mysql://u:${canary}@db/x"}
drains: [{url: "https://u:${canary}@logs.test/", headers: {Authorization: "Bearer ${canary}"}}]
services: {web: {replicas: 2, env: {PASSWORD: ${canary}}}}
`)];
  for (const markdown of [planMarkdown({domain: 'd.test', outcome: fine(SHOP, after)}), planMarkdown({domain: 'd.test', outcome: fine(after, SHOP)}), JSON.stringify(differenceOf(SHOP, after))]) {
    t.false(markdown.includes(canary), markdown);
    t.false(markdown.includes(body));
    t.true(markdown.includes('TOKEN'));
  }
});

test('a plan of a thousand apps fits into a comment, and says what it leaves out', (t) => {
  const many = (replicas: number) => Array.from({length: 1000}, (_, index) => [app(`app-${index}`, `services: {web: {replicas: ${replicas}}}\nenv: {${Array.from({length: 40}, (_one, at) => `V${at}: "${'x'.repeat(90)}${replicas}"`).join(', ')}}\n`), release(`app-${index}`, 1)]).flat();
  const people = Array.from({length: 500}, (_, index) => file(`people/p${index}.yaml`, `${head('Person')}name: p\nemail: p@example.com\nrole: viewer\n`));
  const markdown = planMarkdown({domain: 'd.test', outcome: fine([cluster(), ...many(1)], [cluster(), ...many(2), ...people])});
  t.true(markdown.length < 60_000, `${markdown.length}`);
  t.true(markdown.length > 30_000, `${markdown.length}`);
  t.regex(markdown, /\n… and \d+ more: `flynn plan --against main` in a clone shows all\.\n/);
  t.regex(markdown, /Values of secrets are never shown\.<\/sub>\n$/);
});

test('the marker is one line of HTML, whatever a domain is', (t) => {
  t.is(planMarker('x--> <b>.test'), '<!-- flynn plan of x--b.test -->');
});

/** What is left when fenced blocks (CommonMark 0.31, 4.5) are taken out. */
function withoutFences(markdown: string): string {
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of markdown.split('\n')) {
    const [run] = /^`{3,}/.exec(line) ?? [];
    if (fence === undefined && run !== undefined) fence = run;
    else if (fence === undefined) lines.push(line);
    else if (/^`{3,}\s*$/.test(line) && line.trim().length >= fence.length) fence = undefined;
  }
  return lines.join('\n');
}
