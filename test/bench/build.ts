import {readFile} from 'node:fs/promises';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {tarPieces} from '../../reconciler/adapters/tar.ts';
import {appSource} from '../support/app-source.ts';
import {buildTrial, type BuildTrial} from '../support/build-trial.ts';
import {figure, type BenchContext, type Benchmark, type Row} from './report.ts';
import {nowMs} from './until.ts';

interface Language {
  readonly name: string;
  readonly fixture: string;
  /** A file of the app, with what stands in it changed in one line. */
  readonly change: readonly [file: string, from: string, to: string];
}

/** As many of the examples as say something of their own. Each has a Dockerfile in `build/`, as one would write it for the same app. */
const LANGUAGES: readonly Language[] = [
  {name: 'Node.js (Express)', fixture: 'node-express', change: ['app.js', 'hello from', 'hello once more from']},
  {name: 'Python', fixture: 'python-wsgi', change: ['app.py', 'hello from', 'hello once more from']},
  {name: 'Go', fixture: 'go-vendor', change: ['main.go', 'A small web server', 'A very small web server']},
  {name: 'Rust', fixture: 'rust-vendor', change: ['src/main.rs', 'fn main', '\nfn main']},
  {name: 'Java (Maven)', fixture: 'java-maven', change: ['src/main/java/shop/Main.java', 'class', '\nclass']},
  {name: 'Ruby', fixture: 'ruby-rack', change: ['config.ru', 'hello from', 'hello once more from']},
  {name: 'PHP', fixture: 'php-index', change: ['index.php', 'hello from', 'hello once more from']},
  {name: 'static site', fixture: 'static-spa', change: ['dist/index.html', '<', '\n<']},
];
const BUILD_MS_MAX = 600_000;

/** (i) Builds as a push makes them, without git and without the deploy; beside it `docker build` of a Dockerfile for the same app. */
export function buildBenchmark(): Benchmark {
  return {
    name: 'build',
    title: '(i) builds: nothing cached (Debian packages and npm\'s registry included), then with one line changed; floor: docker build',
    async run(context, signal) {
      const trial = await buildTrial();
      context.onEnd(() => trial.clean());
      const rows: Row[] = [];
      for (const language of LANGUAGES) rows.push(...await measured(trial, language, context, signal));
      return rows;
    },
  };
}

async function measured(trial: BuildTrial, language: Language, {runs, say}: BenchContext, signal: AbortSignal): Promise<readonly Row[]> {
  const {name, fixture, change: [file, from, to]} = language;
  const text = await readFile(path.join(import.meta.dirname, '..', 'fixtures', 'apps', fixture, file), 'utf8');
  const ours = async (changes: Readonly<Record<string, string>>) => {
    const startedAtMs = nowMs();
    const {image} = await trial.buildWell({fixture, changes, signal: AbortSignal.any([signal, AbortSignal.timeout(BUILD_MS_MAX)])});
    return {seconds: (nowMs() - startedAtMs) / 1000, image};
  };
  const dockerfile = await readFile(path.join(import.meta.dirname, 'build', `${fixture}.Dockerfile`), 'utf8');
  const theirs = (changes: Readonly<Record<string, string>>, cache: 'none' | 'warm') => dockerBuild(trial, {fixture, dockerfile, changes, cache});

  const cold = {ours: await ours({}), theirs: await theirs({}, 'none')};
  const warm: (typeof cold)[] = [];
  const shipped: {readonly ours: number; readonly theirs: number}[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const changes = {[file]: text.replace(from, `${to}${' '.repeat(run)}`)};
    const one = {ours: await ours(changes), theirs: await theirs(changes, 'warm')};
    const before = warm.at(-1) ?? cold;
    shipped.push({
      ours: await newMegabytes(trial, before.ours.image, one.ours.image),
      theirs: await newMegabytes(trial, before.theirs.image, one.theirs.image),
    });
    warm.push(one);
    say(`${name}: run ${run}, ${one.ours.seconds.toFixed(1)} s`);
  }
  return [
    {what: `${name}: cold`, unit: 's', ours: figure([cold.ours.seconds]), floor: figure([cold.theirs.seconds])},
    {what: `${name}: one line changed`, unit: 's', ours: figure(warm.map((one) => one.ours.seconds)), floor: figure(warm.map((one) => one.theirs.seconds))},
    {what: `${name}: new layers after that`, unit: 'MB', ours: figure(shipped.map((one) => one.ours)), floor: figure(shipped.map((one) => one.theirs))},
  ];
}

interface DockerBuild {
  readonly fixture: string;
  readonly dockerfile: string;
  readonly changes: Readonly<Record<string, string>>;
  readonly cache: 'none' | 'warm';
}

async function dockerBuild({docker, instance}: BuildTrial, {fixture, dockerfile, changes, cache}: DockerBuild): Promise<{readonly seconds: number; readonly image: string}> {
  await using source = await appSource(fixture, {...changes, Dockerfile: dockerfile});
  const context = source.archive(await source.commit())(AbortSignal.timeout(BUILD_MS_MAX));
  const startedAtMs = nowMs();
  const answer = await docker.buildImage(context, {t: `${instance}/docker-${fixture}`, nocache: cache === 'none', labels: {'flynn.instance': instance}, networkmode: 'host'}) as Readable;
  let image = '';
  let problem = '';
  for await (const chunk of answer) {
    for (const line of String(chunk).split('\n').filter((one) => one.trim() !== '')) {
      image = /"ID":"(sha256:[0-9a-f]+)"/.exec(line)?.[1] ?? image;
      problem = /"error":"(.*)"/.exec(line)?.[1] ?? problem;
    }
  }
  if (image === '') throw new Error(`docker build of ${fixture} failed: ${problem}`);
  return {seconds: (nowMs() - startedAtMs) / 1000, image};
}

/** What of an image the one before it does not have: what a registry would be sent. Uncompressed. */
async function newMegabytes({docker, layersOf}: BuildTrial, before: string, after: string): Promise<number> {
  const known = new Set((await layersOf(before)).map((digest) => digest.replace('sha256:', '')));
  const layers = new Set((await layersOf(after)).map((digest) => digest.replace('sha256:', '')).filter((digest) => !known.has(digest)));
  let bytes = 0;
  for await (const {header} of tarPieces(await docker.getImage(after).get() as Readable)) {
    if (header !== undefined && layers.has(path.basename(header.name))) bytes += header.sizeBytes;
  }
  return bytes / 1e6;
}
